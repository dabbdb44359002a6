"""How workflows ask for their activities, as it is told by an interceptor of the workflows' worker."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio.common import RetryPolicy
from temporalio.worker import (
    Interceptor,
    StartActivityInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

NAMES = (
    *("schedule_to_start_timeout", "start_to_close_timeout", "heartbeat_timeout", "retry_policy"),
    *("cancellation_type", "task_queue", "local_retry_threshold"),
)

Options = dict[str, list[dict[str, Any]]]


class ActivityOptions(Interceptor):
    """Collects, by activity, each way in which it is asked for: arguments, timeouts and retries."""

    def __init__(self) -> None:
        self._found: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def sorted(self) -> Options:
        """All of them, in an order of their own."""
        return {name: sorted(self._found[name], key=repr) for name in sorted(self._found)}

    def note(self, start: StartActivityInput | StartLocalActivityInput) -> None:
        options = {name: _written(getattr(start, name, None)) for name in NAMES}
        found: dict[str, Any] = {"arguments": [_shape(argument) for argument in start.args]}
        found |= {name: value for name, value in options.items() if value is not None}
        # Of a step it is what is left of its run's time.
        found["ends_with_its_run"] = start.schedule_to_close_timeout is not None
        found["is_local"] = isinstance(start, StartLocalActivityInput)
        if found not in self._found[start.activity]:
            self._found[start.activity].append(found)

    def workflow_interceptor_class(
        self, of_class: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        note = self.note

        class Inbound(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(Outbound(outbound))

        class Outbound(WorkflowOutboundInterceptor):
            def start_activity(self, start: StartActivityInput) -> Any:
                note(start)
                return super().start_activity(start)

            def start_local_activity(self, start: StartLocalActivityInput) -> Any:
                note(start)
                return super().start_local_activity(start)

        return Inbound


def _shape(argument: Any) -> Any:
    if not dataclasses.is_dataclass(argument):
        return type(argument).__name__
    fields = {field.name: str(field.type) for field in dataclasses.fields(argument)}
    return {type(argument).__name__: fields}


def _written(value: Any) -> Any:
    if isinstance(value, RetryPolicy):
        return {name: _written(one) for name, one in vars(value).items() if one is not None}
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    return value if value is None or isinstance(value, int | float) else str(value)
