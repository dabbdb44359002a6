"""Open and close a run. Both may run twice: the store makes the second time a look-up."""

from collections.abc import Callable
from datetime import UTC, datetime

from temporalio import activity

from heartbeat.agents.model import resolve
from heartbeat.contracts import Close, Opened, Ticket, Verdict
from heartbeat.settings import Settings
from heartbeat.store.closing import Ending, close_run
from heartbeat.store.database import Database
from heartbeat.store.opening import Claim, House, Opening, open_run


def utc_now() -> datetime:
    """The clock of the activities."""
    return datetime.now(UTC)


class Runs:
    """The first and the last activity of every run."""

    def __init__(self, database: Database, settings: Settings, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._settings = settings
        self._now = now
        self._house = House(settings.plan, lambda name: resolve(name, settings), settings.max_reply_tokens)

    @activity.defn
    async def open_run(self, ticket: Ticket) -> Opened:
        """Claim the tick; `go` says whether there is anything to do."""
        request = ticket.request
        claim = Claim(
            heartbeat=request.heartbeat,
            trigger=request.trigger,
            run=request.run,
            workflow_id=ticket.workflow_id,
            workflow_run_id=ticket.workflow_run_id,
            scheduled_for=datetime.fromisoformat(ticket.scheduled_for) if ticket.scheduled_for else None,
        )
        opening = await self._database.write(lambda connection: open_run(connection, claim, self._house, self._now()))
        return self._answer(opening)

    def _answer(self, opening: Opening) -> Opened:
        run, settings = opening.run, self._settings
        if run is None or run.status != "running":
            return Opened(False, run.uuid if run else None, opening.why, sync=opening.sync)
        return Opened(
            True,
            run.uuid,
            model=run.model,
            step_seconds=settings.step_timeout_seconds,
            step_attempts=settings.step_attempts,
            run_seconds=settings.run_timeout_seconds,
        )

    @activity.defn
    async def close_run(self, close: Close) -> Verdict:
        """End the run in one transaction and say whether the schedule has to follow."""
        ending = Ending(close.status, close.error_code, close.message)
        closing = await self._database.write(lambda connection: close_run(connection, close.run, ending, self._now()))
        return Verdict(closing.status, closing.sync)
