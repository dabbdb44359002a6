"""Opening runs: claim a tick and decide, in the order of the design, whether it may run."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, case, func, select, update

from heartbeat.domain.failure_policy import Ending
from heartbeat.domain.ids import new_id
from heartbeat.domain.pauses import HeartbeatPause
from heartbeat.store.credits.budgets import reserve
from heartbeat.store.credits.ledger import Reservation, enter_reservation, release_on_project
from heartbeat.store.credits.rollup import add_to_day
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns, first, insert_once, joined
from heartbeat.store.heartbeats import states
from heartbeat.store.heartbeats.gates import GateQuestion
from heartbeat.store.heartbeats.probes import awaits, conclude
from heartbeat.store.heartbeats.run_rows import run_row
from heartbeat.store.heartbeats.tick_accounting import (
    cadence_of,
    move_on,
    newest_due,
    start_delay_of,
)
from heartbeat.store.notifications.budget_events import record_shortage
from heartbeat.store.notifications.events import record_missed_ticks
from heartbeat.store.notifications.run_events import record_pause
from heartbeat.store.runs.candidates import CLAIMED, RunCandidate, TickClaim, candidate_of
from heartbeat.store.runs.gates import AskedGate, gate_of
from heartbeat.store.runs.limits import RunLimits
from heartbeat.store.runs.logs import PRUNED
from heartbeat.store.runs.refusals import Refusal, is_refused, refuse
from heartbeat.store.runs.slots import WAITING
from heartbeat.store.runs.tool_changes import remind_of_changes
from heartbeat.store.runs.variants import is_gone, take_variant
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from heartbeat.store.users.references import words_of

RUN, HEARTBEAT = columns(Run), columns(Heartbeat)

# Built once: putting such a statement together costs more than running it.
BY_WORKFLOW = Prepared(select(RUN).where(RUN.c.workflow_id == bindparam("workflow_id")))
SKIP = Prepared(
    update(HEARTBEAT)
    .where(HEARTBEAT.c.id == bindparam("heartbeat_id"))
    .values(
        skipped_count=HEARTBEAT.c.skipped_count + 1,
        missed_count=HEARTBEAT.c.missed_count + bindparam("missed"),
        unchanged_count=HEARTBEAT.c.unchanged_count + bindparam("unchanged"),
        # It says what came of the last tick that had something to do.
        last_status=case((bindparam("unchanged") == 1, HEARTBEAT.c.last_status), else_="skipped"),
        updated_at=bindparam("now"),
    )
)
OLDEST_LOG = (
    select(func.coalesce(RUN.c.scheduled_for, RUN.c.created_at))
    .where(RUN.c.heartbeat_id == bindparam("heartbeat"))
    .order_by(RUN.c.id)
    .limit(1)
)

# Of the other refusals the skip reason says enough.
SAID = ("budget", "plan", "held", "needs_reconnect", "unchanged", "gate_failed")


@dataclass(frozen=True)
class Opening:
    """The run as `open_run` left it; `None` where there is nothing to log. `reason` says why it does not run.

    `question`: nothing was decided, for this gate is to be looked at first. `is_new`: it was written just now,
    and not by an earlier attempt.
    """

    run: Run | None
    reason: str = ""
    schedule_changed: bool = False
    question: GateQuestion | None = None
    notification_uuids: tuple[str, ...] = ()
    is_new: bool = False


def open_run(connection: Connection, claim: TickClaim, limits: RunLimits, now: datetime) -> Opening:
    """Claim a tick and decide whether it runs; a repeated claim of the same workflow gets the same run."""
    rows = joined(connection, (Heartbeat, Bot, Project), CLAIMED, claim.key | {"now": now})
    if rows is None or rows[-1]:
        known = first(connection, Run, BY_WORKFLOW, {"workflow_id": claim.workflow_id})
        if known is not None:
            return Opening(known, known.skip_reason or "")
    if rows is None or is_gone(rows[0], claim.dry_run):
        return Opening(None, "the heartbeat was deleted")
    heartbeat, *others = rows = rows[:-1]
    logs_days = limits.plan(others[1].plan).logs_days
    if reason := _phantom(claim, heartbeat) or _pruned(connection, claim, heartbeat, logs_days, now):
        return Opening(None, reason)
    if claim.trigger == "schedule":
        claim = replace(claim, scheduled_for=_newest_due(connection, heartbeat, claim, now))
    gate = gate_of(connection, claim, heartbeat, now)
    if gate is not None and gate.reading_id is None and not is_refused(connection, claim, rows, limits, now):
        return Opening(None, question=gate.question)
    if claim.dry_run:
        claim = replace(claim, variant=take_variant(connection, claim.run_uuid))
    candidate = candidate_of(connection, claim, heartbeat, others, limits, now)
    refusal = refuse(connection, candidate) or _reserve(connection, candidate)
    run = _insert(connection, candidate, refusal, gate)
    if run is None:
        return _taken(connection, candidate, refusal)
    if refusal is None and candidate.waits:
        # There are credits for it now. It holds none while it waits, and reserves them when it has a slot.
        release_on_project(connection, candidate.budgets.period, candidate.credits)
    elif refusal is None:
        enter_reservation(connection, candidate.account(run.id), Reservation(1), candidate.credits, now)
    if claim.scheduled_for is not None and claim.scheduled_for > heartbeat.accounted_until:
        move_on(connection, heartbeat, claim.scheduled_for)
    notification_uuids = gate.settle(connection, heartbeat, run, now) if gate is not None else ()
    if refusal is None:
        remind_of_changes(connection, run, heartbeat, candidate.missing, now)
        return Opening(run, notification_uuids=notification_uuids, is_new=True)
    schedule_changed = _skip(connection, heartbeat, run, refusal, now)
    return Opening(run, refusal.reason, schedule_changed, notification_uuids=notification_uuids, is_new=True)


def _newest_due(connection: Connection, heartbeat: Heartbeat, claim: TickClaim, now: datetime) -> datetime:
    """The tick that the claim is really for; no clock but Temporal's says that a later one is due, too."""
    assert claim.scheduled_for is not None
    return newest_due(connection, heartbeat, claim.scheduled_for, claim.temporal_time or now, now)


def _phantom(claim: TickClaim, heartbeat: Heartbeat) -> str | None:
    """Why there is no such tick or probe and so no log: an old schedule, a repeated hour, a person who was faster."""
    if claim.trigger == "probe":
        return None if awaits(heartbeat, claim.workflow_id) else "the heartbeat waits for no such probe any more"
    if claim.trigger == "manual":
        return None
    if not heartbeat.enabled:
        return "the heartbeat is not enabled"
    if claim.scheduled_for is None or not cadence_of(heartbeat).is_tick(claim.scheduled_for):
        return "the cadence has no such tick"
    if claim.scheduled_for < heartbeat.accounted_until < claim.scheduled_for + start_delay_of(heartbeat):
        return "the heartbeat was not due yet at this tick"
    return None


def _pruned(
    connection: Connection, claim: TickClaim, heartbeat: Heartbeat, logs_days: int | None, now: datetime
) -> str | None:
    """Why a tick that has its log by now, perhaps one that is not kept any longer, does not run again."""
    tick = claim.scheduled_for
    if tick is None or tick > heartbeat.accounted_until:
        return None
    is_old = logs_days is not None and tick < now - timedelta(days=logs_days)
    is_pruned = is_old or _is_before_logs(connection, heartbeat, tick)
    return "the log of this tick is not kept any longer" if is_pruned else None


def _is_before_logs(connection: Connection, heartbeat: Heartbeat, tick: datetime) -> bool:
    """Whether a tick is older than what is left of a heartbeat's logs; the plan may have kept fewer then than now."""
    if not any(getattr(heartbeat, count) for count in PRUNED.values()):
        return False
    oldest = connection.execute(OLDEST_LOG, {"heartbeat": heartbeat.id}).scalar()
    return oldest is None or tick < oldest


def _reserve(connection: Connection, candidate: RunCandidate) -> Refusal | None:
    """Hold the first step's credits on the project, if its plan and the budgets allow for them.

    Only a heartbeat that has spent a budget of its own is paused, not one whose rehearsals may give it back: what its
    bot or project lacks, others may give back, and a cap that the first step alone passes is a mistake to be mended.
    """
    shortage = reserve(connection, candidate.budgets, candidate.credits, candidate.now)
    if shortage is None:
        return None
    if shortage.owner == "plan":
        return Refusal("plan", shortage.sentence, shortage=shortage)
    pauses = shortage.owner == "heartbeat" and shortage.is_final and candidate.claim.trigger == "schedule"
    pause = HeartbeatPause("budget", shortage.sentence) if pauses else None
    return Refusal("budget", shortage.sentence, pause, shortage)


def _insert(
    connection: Connection, candidate: RunCandidate, refusal: Refusal | None, gate: AskedGate | None
) -> Run | None:
    """The run's row, or `None` when the tick is taken."""
    claim, now = candidate.claim, candidate.now
    row = run_row(
        candidate.heartbeat,
        now,
        uuid=claim.run_uuid or new_id("log"),
        workflow_id=claim.workflow_id,
        workflow_run_id=claim.workflow_run_id,
        trigger=claim.trigger,
        triggered_by=words_of(connection, claim.triggered_by) if claim.triggered_by else None,
        instruction=candidate.bot.instruction,
        model=candidate.model,
        fallback_models=candidate.fallback_models or None,
        max_reply_tokens=candidate.max_reply_tokens,
        dry_run=claim.dry_run,
        replay_of=claim.variant.replay_of if claim.variant else None,
        scheduled_for=claim.scheduled_for,
        gate=gate.as_seen if gate else None,
    )
    if refusal is None:
        row |= {"status": "running", "opening": candidate.opening}
        row |= {"waiting": WAITING} if candidate.waits else {"credits_held": candidate.credits}
        row["paused_tools"] = candidate.missing.needed or None
        row |= {"finished_at": None, "duration_ms": None}
    else:
        row["skip_reason"] = refusal.skip_reason
        row["error_message"] = (refusal.reason or None) if refusal.skip_reason in SAID else None
    return first(connection, Run, insert_once(connection.dialect.name, RUN), row)


def _taken(connection: Connection, candidate: RunCandidate, refusal: Refusal | None) -> Opening:
    """What came before: this very workflow, opened by an attempt that was given up but not over, or another's tick."""
    if refusal is None:
        release_on_project(connection, candidate.budgets.period, candidate.credits)
    known = first(connection, Run, BY_WORKFLOW, {"workflow_id": candidate.claim.workflow_id})
    return Opening(known, known.skip_reason or "") if known else Opening(None, "this tick has its log already")


def _skip(connection: Connection, heartbeat: Heartbeat, run: Run, refusal: Refusal, now: datetime) -> bool:
    """Count a skipped run, and pause its heartbeat if the reason asks for it; a rehearsal counts nowhere.

    Returns whether the schedule must follow the row.
    """
    if run.dry_run:
        return False
    missed, unchanged = refusal.skip_reason == "missed", int(run.skip_reason == "unchanged")
    counted = {"missed": int(missed), "unchanged": unchanged, "now": now}
    SKIP.run(connection, {"heartbeat_id": heartbeat.id, **counted})
    if refusal.shortage is not None and run.trigger != "manual":
        # Before the numbers of the day, as whoever charges a step and closes its run does it.
        record_shortage(connection, run, refusal.shortage, now)
    add_to_day(connection, heartbeat, run.created_at, {"skipped": 1, "unchanged": unchanged})
    if missed:
        assert run.scheduled_for is not None
        record_missed_ticks(connection, heartbeat, [run.scheduled_for], now)
    if run.trigger == "probe":
        return conclude(connection, heartbeat, run, Ending("skipped", message=refusal.reason), now) is not None
    if run.scheduled_for is not None and states.end_if_over(connection, heartbeat, run.scheduled_for, now):
        return True
    if refusal.pause is None:
        return False
    record_pause(connection, states.pause(connection, heartbeat, refusal.pause, now), now, run.id)
    return True
