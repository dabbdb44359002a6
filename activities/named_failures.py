"""Has an activity whose store is away fail with the code of that, which is what the run's log shows."""

from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from heartbeat.domain.errors import Unavailable


class NamedFailures(Interceptor):
    """Names what passes by its code; the SDK would name it by its class."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Named(next)


class _Named(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        try:
            return await super().execute_activity(input)
        except Unavailable as problem:
            words = str(problem)
            raise ApplicationError(words if words.endswith(".") else f"{words}.", type=problem.code) from problem
