"""A run that waits for a person may wait for days: the build of the workers that began it need not stay for it."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio import activity
from temporalio.service import RPCError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from heartbeat.domain.contracts import ActResult, OpenAndThinkResult, ThinkResult

log = logging.getLogger(__name__)
# Has the workflow of this id and run id go on with whichever build is current.
LetUpgrade = Callable[[str, str], Awaitable[None]]


class UpgradesWhileWaiting(Interceptor):
    """Lets a run upgrade, at its next step, after an activity that says that it waits."""

    def __init__(self, let_upgrade: LetUpgrade) -> None:
        self._let_upgrade = let_upgrade

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Upgrading(next, self._let_upgrade)


class _Upgrading(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, let_upgrade: LetUpgrade) -> None:
        super().__init__(inner)
        self._let_upgrade = let_upgrade

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        result = await super().execute_activity(input)
        if _waits(result):
            await self._try(activity.info())
        return result

    async def _try(self, info: activity.Info) -> None:
        """The step is done, whatever Temporal says: without it the run merely stays with its build."""
        try:
            await self._let_upgrade(info.workflow_id or "", info.workflow_run_id or "")
        except (RPCError, RuntimeError) as problem:
            log.warning("%s stays with its build while it waits: %s", info.workflow_id, problem)


def _waits(result: object) -> bool:
    if isinstance(result, OpenAndThinkResult):
        result = result.thought
    if isinstance(result, ActResult):
        return result.approval_seconds is not None
    return isinstance(result, ThinkResult) and result.park_seconds is not None
