"""A heartbeat that lives on tokens of an hour through three nights, and what becomes of it when its sign-in is over."""

import logging
from contextlib import aclosing
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update
from temporalio.testing import ActivityEnvironment

from activities.upkeep import UpkeepActivities
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.activity_runs import ActivityRuns
from tests.support.databases import everything
from tests.support.model_server import ModelServer, asks, says
from tests.support.signed_in import SignedIn, signed_in

__all__ = ["signed_in"]

NIGHTLY, STEP = "0 3 * * *", timedelta(minutes=5)


class Days:
    """Time that goes on five minutes at a time, with what Upkeep does for sign-ins, and a tick a night."""

    def __init__(self, world: SignedIn, model: ModelServer) -> None:
        self.world, self.model = world, model
        self.runs = ActivityRuns(world.database, world.settings, lambda: world.now)
        self.upkeep = UpkeepActivities(None, world.database, world.settings, None, lambda: world.now)

    async def until(self, instant: datetime) -> None:
        while self.world.now < instant:
            self.world.now += STEP
            for chore in (self.upkeep.refresh_connections, self.upkeep.lift_reconnect_pauses):
                await ActivityEnvironment().run(chore)

    async def night(self) -> str:
        """Live until the next tick, and through it; returns why it was skipped, nothing if it ran."""
        tick = self.world.now.replace(hour=3) + timedelta(days=self.world.now.hour >= 3)
        await self.until(tick)
        self.model.script(asks(("desk__book", {"what": f"{tick:%A}"})), says("Booked."))
        heartbeat = self.world.beat()
        if not heartbeat.enabled:
            return "paused"
        opened = await self.runs.tick(heartbeat, tick)
        return "" if opened.should_run else opened.reason

    async def aclose(self) -> None:
        await self.runs.close()


async def test_three_nights_on_tokens_of_an_hour(
    signed_in: SignedIn, model: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    table, authorization = columns(Heartbeat), signed_in.authorization
    signed_in.database.write_now(lambda c: c.execute(update(table).values(cron_pattern=NIGHTLY)))
    await signed_in.pin()

    async with aclosing(Days(signed_in, model)) as days:
        assert [await days.night() for _ in range(3)] == [""] * 3
        assert (signed_in.beat().success_count, signed_in.desk.times("book"), signed_in.events()) == (3, 3, [])
        # Every fifty minutes, and no request was sent with a token that was over.
        assert authorization.times("refresh_token") == pytest.approx(63 * 60 / 50, abs=2)
        assert authorization.turned_away == 0

        authorization.end_grants()
        assert (await days.night()).startswith("A person has to sign in to desk again")
        [event] = signed_in.events()
        assert (event.kind, event.data["heartbeats"]) == ("tool.needs_reconnect", [signed_in.heartbeat.uuid])
        assert event.created_at < signed_in.now - timedelta(hours=22), "told within the hour, not at the tick"
        assert (await days.night(), signed_in.beat().pause_reason) == ("paused", "needs_reconnect")

        await signed_in.sign_in()
        assert await days.night() == ""
        assert (signed_in.beat().success_count, signed_in.desk.times("book"), len(signed_in.events())) == (4, 4, 1)

    secrets = {one for token in authorization.register.tokens for one in (token.access_token, token.refresh_token)}
    # The authorization server, which knows them, logs into the same place.
    logged = [
        record.getMessage() for record in caplog.records if not record.name.startswith(("authlib", "python_multipart"))
    ]
    seen = everything(signed_in.database).decode("latin-1") + "".join(logged) + repr(model.requests)
    assert len(secrets) > 2 * 100
    assert "Booked Sunday" in seen
    assert [secret for secret in secrets if secret in seen] == []
