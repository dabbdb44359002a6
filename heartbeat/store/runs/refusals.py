"""Why a claim does not run: the first reason, in the order of the design."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, or_, select

from heartbeat.domain.contracts import SkipReason
from heartbeat.domain.pauses import HeartbeatPause
from heartbeat.store.credits.budgets import Shortage
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.missed_ticks import CATCH_UP
from heartbeat.store.heartbeats.plan_limits import model_refusal
from heartbeat.store.heartbeats.project_holds import CAME_DURING, HOLD, IN_FORCE, hold_words
from heartbeat.store.heartbeats.reconnects import BETWEEN_LABELS, lost_tools
from heartbeat.store.heartbeats.tick_accounting import HELD, held_by, snoozed_until
from heartbeat.store.runs.candidates import RunCandidate, TickClaim, why_skipped
from heartbeat.store.runs.gates import why_in_words
from heartbeat.store.runs.limits import RunLimits
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run

RUN = columns(Run)

# What may come in the way of a tick: a person who had it skipped or the whole project held, and a run. Not a
# rehearsal, which does nothing. It is read once the heartbeat is locked, so that it has every hold that was committed.
IN_THE_WAY = Prepared(
    select(
        select(HELD.c.held_by)
        .where(HELD.c.heartbeat_id == bindparam("heartbeat_id"), HELD.c.tick == bindparam("tick"))
        .scalar_subquery()
        .label("held_by"),
        select(func.max(HOLD.c.id))
        .where(HOLD.c.project_id == bindparam("project_id"), or_(IN_FORCE, CAME_DURING))
        .scalar_subquery()
        .label("hold_id"),
        exists()
        .where(RUN.c.heartbeat_id == bindparam("heartbeat_id"), RUN.c.status == "running", RUN.c.dry_run.is_(False))
        .label("busy"),
    )
)
# A tick that starts later than this was missed, for heartbeats that want no catching up.
PROMPT = timedelta(minutes=2)


@dataclass(frozen=True)
class Refusal:
    """Why a claim does not run: in a word for the log, in a sentence for Temporal's UI."""

    skip_reason: SkipReason
    reason: str
    pause: HeartbeatPause | None = None
    shortage: Shortage | None = None


def refuse(connection: Connection, candidate: RunCandidate) -> Refusal | None:
    """The first reason not to run, in the order of the design; a manual run asks no cadence and waits for nobody."""
    claim, heartbeat, bot = candidate.claim, candidate.heartbeat, candidate.bot
    if claim.trigger == "schedule":
        refusal = _refuse_tick(connection, claim, heartbeat, candidate.now)
    else:
        refusal = _refuse_by_hold(connection, candidate)
    if refusal is not None:
        return refusal
    if not (bot.status and bot.heartbeat):
        return Refusal("disabled_bot", "the bot or its heartbeat is switched off")
    if not candidate.plan.heartbeats:
        return Refusal("plan", f"the plan {candidate.project.plan} does not support heartbeats")
    if not candidate.plan.allows(candidate.model):
        return Refusal("plan", model_refusal(candidate.project, candidate.plan, candidate.model))
    if candidate.needs_sign_in and claim.trigger != "manual" and (labels := lost_tools(connection, heartbeat)):
        pause = HeartbeatPause("needs_reconnect", BETWEEN_LABELS.join(labels))
        return Refusal("needs_reconnect", pause.explanation or "", pause)
    if (skip_reason := why_skipped(claim, heartbeat)) is not None:
        return Refusal(skip_reason, why_in_words(claim))
    return None


def is_refused(connection: Connection, claim: TickClaim, rows: Sequence[Any], limits: RunLimits, now: datetime) -> bool:
    """Whether it comes to nothing, whatever a look at its gate would say; `rows` is as in `open_run`."""
    heartbeat, bot, project, *_, hold_id = rows
    if not (bot.status and bot.heartbeat and limits.plan(project.plan).heartbeats):
        return True
    if claim.trigger != "schedule":
        return hold_id is not None
    return _refuse_tick(connection, claim, heartbeat, now) is not None


def _refuse_by_hold(connection: Connection, candidate: RunCandidate) -> Refusal | None:
    return Refusal("held", hold_words(connection, candidate.hold_id)) if candidate.hold_id else None


def _refuse_tick(connection: Connection, claim: TickClaim, heartbeat: Heartbeat, now: datetime) -> Refusal | None:
    """Why a tick does not run that a manual run would not be refused for."""
    assert claim.scheduled_for is not None
    tick = {"heartbeat_id": heartbeat.id, "tick": claim.scheduled_for}
    of_project = {"project_id": heartbeat.project_id, "now": now}
    in_the_way = IN_THE_WAY.run(connection, tick | of_project).one()
    if in_the_way.held_by is not None:
        return Refusal("held", held_by(in_the_way.held_by))
    if in_the_way.hold_id is not None:
        return Refusal("held", hold_words(connection, in_the_way.hold_id))
    if heartbeat.snooze_until and claim.scheduled_for < heartbeat.snooze_until:
        return Refusal("held", snoozed_until(heartbeat))
    if in_the_way.busy:
        return Refusal("overlap", "an earlier run was still in progress")
    time = claim.temporal_time or now
    if heartbeat.accounted_until < claim.scheduled_for < time - _patience(heartbeat):
        late = "too late, and catch_up is none" if heartbeat.catch_up == "none" else "more than a day late"
        return Refusal("missed", f"it came {late}")
    return None


def _patience(heartbeat: Heartbeat) -> timedelta:
    """How late a tick that was due may start, however long its workflow was queued."""
    late = PROMPT if heartbeat.catch_up == "none" else CATCH_UP
    return late + timedelta(seconds=heartbeat.jitter_seconds)
