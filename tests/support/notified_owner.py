"""An owner who hears of runs that failed."""

from typing import Any

import pytest
from sqlalchemy import Connection

from heartbeat.domain.failure_policy import Ending
from heartbeat.domain.secret_keys import new_key
from heartbeat.store.runs.candidates import TickClaim
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.opening import open_run
from tests.support.api import Api
from tests.support.runs import LIMITS


@pytest.fixture
async def ours(alone: Api) -> Api:
    """An owner on an installation that has a key for secrets and may reach this machine."""
    stack = alone.app.state.stack
    changed = {"secret_keys": new_key(), "egress_allow": ["127.0.0.1"]}
    settings = type(stack.settings)(_env_file=None, **{**stack.settings.model_dump(exclude_unset=True), **changed})
    object.__setattr__(stack, "settings", settings)
    return alone


async def fail(api: Api, bot: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A heartbeat whose first run failed."""
    heartbeat = await api.heartbeat(bot, enabled=True, cron_pattern="* * * * *", **fields)
    row = await api.row(heartbeat)
    tick = row.next_tick_at
    claim = TickClaim(row.uuid, "schedule", None, f"{row.uuid}-tick", "run-1", tick)

    def work(connection: Connection) -> None:
        run = open_run(connection, claim, LIMITS, tick).run
        assert run is not None
        close_run(connection, run.uuid, Ending("error", "key_rejected", "No key."), tick)

    await api.database.write(work)
    return heartbeat
