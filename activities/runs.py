"""Open and close a run. Both may run twice: the store makes the second time a look-up."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from temporalio import activity

from heartbeat.agents.model import resolve
from heartbeat.agents.tools.built_in.tools import BUILT_IN
from heartbeat.agents.tools.mcp.stdio import known_text
from heartbeat.domain import credits
from heartbeat.domain.contracts import CloseRunInput, CloseRunResult, OpenRunInput, OpenRunResult
from heartbeat.domain.credits import rate_for
from heartbeat.settings import Settings
from heartbeat.store.database import Database
from heartbeat.store.runs.closing import Ending, close_run
from heartbeat.store.runs.limits import RunLimits
from heartbeat.store.runs.opening import Opening, TickClaim, open_run

# Connecting, asking what there is and writing down what came of it, around the call itself.
OVERHEAD_SECONDS = 30
# Constant and plain English: no tokenizer makes more than one token of two of its characters.
BUILT_IN_TEXT = {
    tool.name: len(json.dumps([tool.name, tool.description, tool.schema])) // 2 + credits.FRAME for tool in BUILT_IN
}


def utc_now() -> datetime:
    """The clock of the activities."""
    return datetime.now(UTC)


def run_limits(settings: Settings) -> RunLimits:
    """What the settings add to the rows."""
    return RunLimits(
        settings.plan,
        lambda name: resolve(name, settings),
        settings.max_reply_tokens,
        lambda model: rate_for(model, settings.credits_per_1000_tokens, settings.model_rates),
        BUILT_IN_TEXT,
    )


class RunActivities:
    """The first and the last activity of every run."""

    def __init__(self, database: Database, settings: Settings, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._settings = settings
        self._now = now
        self._house = run_limits(settings)

    @activity.defn
    async def open_run(self, ticket: OpenRunInput) -> OpenRunResult:
        """Claim the tick; `should_run` says whether there is anything to do."""
        request = ticket.request
        claim = TickClaim(
            heartbeat=request.heartbeat_uuid,
            trigger=request.trigger,
            run=request.run_uuid,
            workflow_id=ticket.workflow_id,
            workflow_run_id=ticket.workflow_run_id,
            scheduled_for=datetime.fromisoformat(ticket.scheduled_for) if ticket.scheduled_for else None,
            dry_run=request.dry_run,
        )
        # What the operator's own servers offer is known once a first run has asked them.
        rules = replace(self._house, own_text=known_text())
        opening = await self._database.write(open_run, claim, rules, self._now())
        return self._answer(opening)

    def _answer(self, opening: Opening) -> OpenRunResult:
        run, settings = opening.run, self._settings
        if run is None or run.status != "running":
            return OpenRunResult(False, run.uuid if run else None, opening.why, schedule_changed=opening.sync)
        return OpenRunResult(
            True,
            run.uuid,
            model=run.model,
            step_seconds=settings.step_timeout_seconds,
            step_attempts=settings.step_attempts,
            run_seconds=run.run_timeout_seconds or settings.run_timeout_seconds,
            max_steps=run.max_steps,
            tool_seconds=settings.tool_timeout_seconds + OVERHEAD_SECONDS,
        )

    @activity.defn
    async def close_run(self, close: CloseRunInput) -> CloseRunResult:
        """End the run in one transaction and say whether the schedule has to follow."""
        ending = Ending(close.status, close.error_code, close.message)
        remind = timedelta(hours=self._settings.finding_reminder_hours)
        return await self._database.write(close_run, close.run_uuid, ending, self._now(), remind)
