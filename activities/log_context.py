"""The ids that every log line of an activity has."""

from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from heartbeat.domain.contracts import SCHEDULE_PREFIXES
from heartbeat.telemetry.light_structlog import structlog


class LogContext(Interceptor):
    """Binds the ids of the run, the heartbeat and the workflow while one of their activities runs."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _WithIds(next)


class _WithIds(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        info = activity.info()
        with structlog.contextvars.bound_contextvars(**log_ids(info.activity_type, info.workflow_id or "", input.args)):
            return await super().execute_activity(input)


def log_ids(activity_type: str, workflow_id: str, args: Any) -> dict[str, str]:
    """What an activity is about: its input may have the id of a run; a workflow's id begins with the heartbeat's."""
    run_uuid = getattr(args[0], "run_uuid", None) if args else None
    of_run = {"run_id": run_uuid} if run_uuid else {}
    of_heartbeat = {"heartbeat_id": workflow_id.partition("-")[0]} if workflow_id.startswith(SCHEDULE_PREFIXES) else {}
    return {"activity": activity_type, "workflow_id": workflow_id, **of_heartbeat, **of_run}
