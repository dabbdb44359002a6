"""What an activity whose store is away fails with: the code of that, in a sentence."""

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor

from activities.named_failures import NamedFailures
from heartbeat.domain.errors import Unavailable
from heartbeat.domain.failure_policy import PASSING


class Failing(ActivityInboundInterceptor):
    def __init__(self, problem: Exception) -> None:
        self._problem = problem

    async def execute_activity(self, input: Any) -> Any:  # noqa: A002
        raise self._problem


async def test_a_store_that_is_away_is_named_and_passes() -> None:
    away = Unavailable("database_unavailable", "The database cannot be reached: timeout expired")
    with pytest.raises(ApplicationError) as failed:
        await NamedFailures().intercept_activity(Failing(away)).execute_activity(None)  # type: ignore[arg-type]
    assert (failed.value.type, failed.value.message) == (
        "database_unavailable",
        "The database cannot be reached: timeout expired.",
    )
    assert failed.value.type in PASSING


async def test_other_failures_stay_what_they_are() -> None:
    with pytest.raises(ValueError, match="odd"):
        await NamedFailures().intercept_activity(Failing(ValueError("odd"))).execute_activity(None)  # type: ignore[arg-type]
