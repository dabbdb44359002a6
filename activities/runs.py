"""Open and close a run. Both may run twice: the store makes the second time a look-up."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection
from temporalio import activity

from activities.clocks import TickClock, follow
from activities.run_metrics import count_opening
from heartbeat.agents.model_names import resolve_fallbacks, resolve_model
from heartbeat.agents.tools.built_in.tools import BUILT_IN
from heartbeat.agents.tools.mcp.stdio import definitions_size
from heartbeat.domain import credits
from heartbeat.domain.clock import Clock, utc_now
from heartbeat.domain.contracts import CloseRunInput, CloseRunResult, OpenRunInput, OpenRunResult
from heartbeat.domain.credits import rate_for
from heartbeat.domain.failure_policy import Ending
from heartbeat.domain.gates import Look
from heartbeat.domain.tool_limits import LONGEST_CALL_SECONDS
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.runs.candidates import TickClaim
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.limits import RunLimits
from heartbeat.store.runs.opening import Opening, open_run
from heartbeat.store.runs.traces import note_trace
from heartbeat.telemetry.traces.switch import is_traced

# Connecting, listing the tools and writing down the outcome, around the call itself.
OVERHEAD_SECONDS = 30
# Constant and plain English: no tokenizer makes more than one token of two of its characters.
BUILT_IN_TEXT = {
    tool.name: len(json.dumps([tool.name, tool.description, tool.schema])) // 2 + credits.FRAME for tool in BUILT_IN
}


def run_limits(settings: Settings) -> RunLimits:
    """What the settings add to the rows."""
    return RunLimits(
        plan=settings.plan,
        model=lambda name: resolve_model(name, settings),
        max_reply_tokens=settings.max_reply_tokens,
        rate=lambda model: rate_for(model, settings.credits_per_1000_tokens, settings.model_rates),
        cost_nano_usd=_cost_nano_usd,
        built_in_tokens=BUILT_IN_TEXT,
        bounds=settings.bounds(),
        fallbacks=lambda model, names, chat_mode: resolve_fallbacks(model, names, chat_mode, settings),
    )


def _cost_nano_usd(model: str, input_tokens: int, output_tokens: int) -> int:
    # The list of prices comes with the model libraries, which a request that was made has loaded.
    from heartbeat.agents.prices import cost_nano_usd

    return cost_nano_usd(model, input_tokens, output_tokens)


def _open_traced(connection: Connection, claim: TickClaim, limits: RunLimits, now: datetime) -> Opening:
    """Open a run and note that it is exported as a trace once it is over, however that comes about."""
    opening = open_run(connection, claim, limits, now)
    if opening.run is not None and opening.run.status == "running":
        note_trace(connection, opening.run.id)
    return opening


class RunActivities:
    """The first and the last activity of every run."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        now: Clock = utc_now,
        tick_clock: TickClock | None = None,
        on_closed: Callable[[str], None] = lambda run_uuid: None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._now = now
        self._tick_clock = tick_clock or follow(now)
        self._on_closed = on_closed
        self._limits = run_limits(settings)
        self._open = _open_traced if is_traced(settings) else open_run
        self._remind_after = timedelta(hours=settings.finding_reminder_hours)

    @activity.defn
    async def open_run(self, opening: OpenRunInput) -> OpenRunResult:
        """Claim the tick; `should_run` says whether there is anything to do, `look_first` whether that is not known."""
        return self.result(await self.claim(opening))

    async def claim(self, opening: OpenRunInput, look: Look | None = None) -> Opening:
        """Claim the tick with what was seen at its gate, if that was looked at."""
        request = opening.request
        claim = TickClaim(
            heartbeat_uuid=request.heartbeat_uuid,
            trigger=request.trigger,
            run_uuid=request.run_uuid,
            workflow_id=opening.workflow_id,
            workflow_run_id=opening.workflow_run_id,
            scheduled_for=datetime.fromisoformat(opening.scheduled_for) if opening.scheduled_for else None,
            dry_run=request.dry_run,
            temporal_time=self._tick_clock(opening.temporal_time),
            gated=request.gated,
            look=look,
            triggered_by=request.triggered_by,
        )
        # What the operator's own servers offer is known once a first run has asked them.
        limits = replace(self._limits, own_tokens=definitions_size())
        opening_result = await self._database.write(self._open, claim, limits, self._now())
        count_opening(opening_result)
        return opening_result

    def result(self, opening: Opening) -> OpenRunResult:
        """What of an opening is for the workflow."""
        run, settings = opening.run, self._settings
        if run is None or run.status != "running":
            return OpenRunResult(
                False,
                run.uuid if run else None,
                # A failing source says why in words of others, which are for the log alone.
                "gate_failed" if run and run.skip_reason == "gate_failed" else opening.reason,
                schedule_changed=opening.schedule_changed,
                look_first=opening.question is not None,
                notification_uuids=opening.notification_uuids,
            )
        return OpenRunResult(
            True,
            run.uuid,
            model=run.model,
            fallback_models=tuple(run.fallback_models or ()),
            step_seconds=settings.step_timeout_seconds,
            step_attempts=settings.step_attempts,
            run_seconds=run.run_timeout_seconds or settings.run_timeout_seconds,
            max_steps=run.max_steps,
            tool_seconds=max(settings.tool_timeout_seconds, LONGEST_CALL_SECONDS) + OVERHEAD_SECONDS,
            notification_uuids=opening.notification_uuids,
        )

    @activity.defn
    async def close_run(self, closing: CloseRunInput) -> CloseRunResult:
        """End the run in one transaction and say whether the schedule has to follow."""
        ending = Ending(closing.status, closing.error_code, closing.message, by_hand=closing.by_hand)
        result = await self._database.write(close_run, closing.run_uuid, ending, self._now(), self._remind_after)
        self._on_closed(closing.run_uuid)
        return result
