"""Opening runs: claim a tick and decide, in the order of the design, whether it may run."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, String, bindparam, cast, exists, func, select, update

from heartbeat.domain import credits
from heartbeat.domain.contracts import SkipReason, Trigger
from heartbeat.domain.failure_policy import Ending
from heartbeat.domain.first_message import first_message
from heartbeat.domain.ids import new_id
from heartbeat.domain.pauses import HeartbeatPause
from heartbeat.store.credits.ledger import Account, hold, short_of_budget
from heartbeat.store.credits.rollup import add_to_day
from heartbeat.store.heartbeats import states
from heartbeat.store.heartbeats.missed_ticks import CATCH_UP
from heartbeat.store.heartbeats.probes import awaits, conclude
from heartbeat.store.heartbeats.tick_accounting import cadence_of, move_on, newest_due
from heartbeat.store.notifications.events import record_missed_ticks
from heartbeat.store.notifications.run_events import record_pause
from heartbeat.store.rows import columns, first, insert_once, joined
from heartbeat.store.runs.limits import RunLimits
from heartbeat.store.runs.run_context import opening_of
from heartbeat.store.tables.bots import Bot, Memory, Tool
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from heartbeat.store.tools.toolset import HAS_TARGETS, built_in

RUN, TOOL, MEMORY = columns(Run), columns(Tool), columns(Memory)
HEARTBEAT, BOT, PROJECT = columns(Heartbeat), columns(Bot), columns(Project)

# Built once: putting such a statement together costs more than running it.
KNOWN = select(RUN).where(RUN.c.workflow_id == bindparam("key"))
# JSON is kept as ASCII, so that its length is its bytes.
TOOL_TEXT = (
    select(func.coalesce(func.sum(func.length(cast(TOOL.c.tools, String))), 0))
    .where(TOOL.c.bot_id == BOT.c.id, TOOL.c.is_enabled)
    .scalar_subquery()
)
HAS_MEMORIES = exists().where(MEMORY.c.bot_id == BOT.c.id)
REQUESTED = (
    select(HEARTBEAT, BOT, PROJECT, TOOL_TEXT, HAS_TARGETS, HAS_MEMORIES)
    .join(BOT, BOT.c.id == HEARTBEAT.c.bot_id)
    .join(PROJECT, PROJECT.c.id == HEARTBEAT.c.project_id)
    .where(HEARTBEAT.c.uuid == bindparam("key"), HEARTBEAT.c.deleted_at.is_(None))
    .with_for_update(of=HEARTBEAT, key_share=True)
)
RUNNING = select(RUN.c.id).where(RUN.c.heartbeat_id == bindparam("key"), RUN.c.status == "running")
# A rehearsal does nothing that a run could come in the way of.
RUNNING = RUNNING.where(RUN.c.dry_run.is_(False)).limit(1)

SKIP = (
    update(HEARTBEAT)
    .where(HEARTBEAT.c.id == bindparam("heartbeat"))
    .values(
        skipped_count=HEARTBEAT.c.skipped_count + 1,
        missed_count=HEARTBEAT.c.missed_count + bindparam("missed"),
        last_status="skipped",
        updated_at=bindparam("at"),
    )
)

# A tick that starts later than this was missed, for heartbeats that want no catching up.
PROMPT = timedelta(minutes=2)


@dataclass(frozen=True)
class TickClaim:
    """Who asks to run what, and for which tick. `run` is the log id a manual run was promised.

    `dry_run`: a rehearsal, logged apart and counted nowhere but in the credits.
    """

    heartbeat: str
    trigger: Trigger
    run: str | None
    workflow_id: str
    workflow_run_id: str
    scheduled_for: datetime | None
    dry_run: bool = False


@dataclass(frozen=True)
class Refusal:
    """Why a tick does not run, in a word for the log and in words for Temporal's UI."""

    why: str
    skip: SkipReason
    pause: HeartbeatPause | None = None


@dataclass(frozen=True)
class Opening:
    """The run as it stands after `open_run`; `None` for a phantom. `sync`: the schedule must follow the row."""

    run: Run | None
    why: str = ""
    sync: bool = False


def open_run(connection: Connection, claim: TickClaim, house: RunLimits, now: datetime) -> Opening:
    """Claim a tick and decide, in one transaction. Asked again for the same workflow it returns what is there."""
    known = first(connection, Run, KNOWN, {"key": claim.workflow_id})
    if known is not None:
        return Opening(known, known.skip_reason or "")
    asked = joined(connection, (Heartbeat, Bot, Project), REQUESTED, {"key": claim.heartbeat})
    if asked is None:
        return Opening(None, "the heartbeat was deleted")
    heartbeat, bot, project, tool_text, has_targets, has_memories = asked
    tool_text += house.told(built_in(bot.attributes, has_targets))
    if claim.trigger == "schedule":
        if why := _phantom(claim, heartbeat):
            return Opening(None, why)
        assert claim.scheduled_for is not None
        claim = replace(claim, scheduled_for=newest_due(connection, heartbeat, claim.scheduled_for, now))
    if claim.trigger == "probe" and not awaits(heartbeat, claim.workflow_id):
        return Opening(None, "the heartbeat waits for no such probe any more")
    opening = opening_of(connection, heartbeat, has_memories, now)
    price = _price(heartbeat, bot, project, house, tool_text, opening, now)
    refusal = _refuse(connection, claim, heartbeat, bot, project, house, price, now)
    run = _insert(connection, claim, heartbeat, bot, refusal, price, now)
    if run is None:
        return _taken(connection, claim)
    if refusal is None:
        refusal = _hold(connection, run, project, house, price, now)
    if claim.scheduled_for is not None and claim.scheduled_for > heartbeat.accounted_until:
        move_on(connection, heartbeat, claim.scheduled_for)
    if refusal is None:
        return Opening(run)
    return Opening(run, refusal.why, sync=_skip(connection, heartbeat, run, refusal, now))


def _taken(connection: Connection, claim: TickClaim) -> Opening:
    """What came before: this very workflow, opened by an attempt that was given up but not over, or another's tick."""
    known = first(connection, Run, KNOWN, {"key": claim.workflow_id})
    return Opening(known, known.skip_reason or "") if known else Opening(None, "this tick has its log already")


@dataclass(frozen=True)
class FirstStepPrice:
    """The model of a run, the opening of its first message, the most that its first step can cost, and the period that
    pays for it."""

    model: str
    max_reply_tokens: int
    opening: str
    credits: int
    start: datetime
    end: datetime


def _price(
    heartbeat: Heartbeat, bot: Bot, project: Project, house: RunLimits, tool_text: int, opening: str, now: datetime
) -> FirstStepPrice:
    model, reply = house.model(bot.model), bot.max_reply_tokens or house.max_reply_tokens
    told = credits.most_tokens(bot.instruction, first_message(opening, heartbeat.prompt))
    worst = house.worst(model, told + tool_text, reply)
    return FirstStepPrice(model, reply, opening, worst, *credits.period(now, project.period_anchor_day))


def _hold(
    connection: Connection, run: Run, project: Project, house: RunLimits, price: FirstStepPrice, now: datetime
) -> Refusal | None:
    """Reserve the first step; when the plan does not allow for it the run just written is a skipped one."""
    limit = house.plan(project.plan).credits_per_month
    account = Account(run.project_id, run.heartbeat_id, run.id, price.start)
    if hold(connection, account, 1, price.credits, limit, now):
        return None
    why = f"The {limit} credits of the plan do not allow for a step of up to {price.credits} any more."
    skipped = {"status": "skipped", "skip_reason": "plan", "error_message": why, "finished_at": now}
    skipped |= {"duration_ms": 0, "credits_held": 0}
    connection.execute(update(RUN).where(RUN.c.id == run.id).values(skipped))
    vars(run).update(skipped)
    return Refusal(why, "plan")


def _phantom(claim: TickClaim, heartbeat: Heartbeat) -> str | None:
    """Why this is no tick of the heartbeat's at all: an old schedule, a repeated hour."""
    if not heartbeat.enabled:
        return "the heartbeat is not enabled"
    if claim.scheduled_for is None or not cadence_of(heartbeat).is_tick(claim.scheduled_for):
        return "the cadence has no such tick"
    return None


def _refuse(
    connection: Connection,
    claim: TickClaim,
    heartbeat: Heartbeat,
    bot: Bot,
    project: Project,
    house: RunLimits,
    price: FirstStepPrice,
    now: datetime,
) -> Refusal | None:
    """The first reason not to run, in the order of the design; a manual run asks no cadence and waits for nobody."""
    if claim.trigger == "schedule":
        assert claim.scheduled_for is not None
        if _in_progress(connection, heartbeat):
            return Refusal("an earlier run was still in progress", "overlap")
        if heartbeat.accounted_until < claim.scheduled_for < now - _patience(heartbeat):
            late = "too late, and catch_up is none" if heartbeat.catch_up == "none" else "more than a day late"
            return Refusal(f"it came {late}", "missed")
    if not (bot.status and bot.heartbeat):
        return Refusal("the bot or its heartbeat is switched off", "disabled_bot")
    if not house.plan(project.plan).heartbeats:
        return Refusal(f"the plan {project.plan} does not support heartbeats", "plan")
    if short := short_of_budget(heartbeat, price.credits, price.start, price.end):
        return Refusal(short, "budget", HeartbeatPause("budget", short) if claim.trigger == "schedule" else None)
    return None


def _patience(heartbeat: Heartbeat) -> timedelta:
    """How late a tick that was due may start, however long its workflow was queued."""
    late = PROMPT if heartbeat.catch_up == "none" else CATCH_UP
    return late + timedelta(seconds=heartbeat.jitter_seconds)


def _in_progress(connection: Connection, heartbeat: Heartbeat) -> bool:
    return connection.execute(RUNNING, {"key": heartbeat.id}).first() is not None


def _insert(
    connection: Connection,
    claim: TickClaim,
    heartbeat: Heartbeat,
    bot: Bot,
    refusal: Refusal | None,
    price: FirstStepPrice,
    now: datetime,
) -> Run | None:
    """The run's row, or `None` when the tick is taken."""
    row = {
        "uuid": claim.run or new_id("log"),
        "project_id": heartbeat.project_id,
        "bot_id": heartbeat.bot_id,
        "member_id": heartbeat.member_id,
        "heartbeat_id": heartbeat.id,
        "workflow_id": claim.workflow_id,
        "workflow_run_id": claim.workflow_run_id,
        "type": heartbeat.type,
        "trigger": claim.trigger,
        "status": "skipped" if refusal else "running",
        "skip_reason": refusal.skip if refusal else None,
        "error_message": refusal.why if refusal and refusal.skip in ("budget", "plan") else None,
        "prompt": heartbeat.prompt,
        "instruction": bot.instruction,
        "opening": None if refusal else price.opening,
        "chat_mode": heartbeat.chat_mode,
        "model": price.model,
        "max_reply_tokens": price.max_reply_tokens,
        "max_steps": heartbeat.max_steps,
        "run_timeout_seconds": heartbeat.run_timeout_seconds,
        "tokens_used": 0,
        "credits_charged": 0,
        "credits_held": 0 if refusal else price.credits,
        "cost_nano_usd": 0,
        "report": None,
        "dry_run": claim.dry_run,
        "scheduled_for": claim.scheduled_for,
        "started_at": now,
        "finished_at": now if refusal else None,
        "duration_ms": 0 if refusal else None,
        "created_at": now,
    }
    return first(connection, Run, insert_once(connection.dialect.name, RUN), row)


def _skip(connection: Connection, heartbeat: Heartbeat, run: Run, refusal: Refusal, now: datetime) -> bool:
    """Count a skipped tick, and pause the heartbeat if that is what the reason asks for; a rehearsal counts nowhere."""
    if run.dry_run:
        return False
    missed = refusal.skip == "missed"
    connection.execute(SKIP, {"heartbeat": heartbeat.id, "missed": int(missed), "at": now})
    add_to_day(connection, run.bot_id, run.type, run.created_at, {"skipped": 1})
    if missed:
        assert run.scheduled_for is not None
        record_missed_ticks(connection, heartbeat, [run.scheduled_for], now)
    if run.trigger == "probe":
        return conclude(connection, heartbeat, run, Ending("skipped", message=refusal.why), now) is not None
    if run.scheduled_for is not None and states.end_if_over(connection, heartbeat, run.scheduled_for, now):
        return True
    if refusal.pause is None:
        return False
    record_pause(connection, states.pause(connection, heartbeat, refusal.pause, now), now, run.id)
    return True
