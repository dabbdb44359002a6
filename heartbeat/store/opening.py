"""Opening runs: claim a tick and decide, in the order of the design, whether it may run."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select, update

from heartbeat import credits
from heartbeat.contracts import SkipReason, Trigger
from heartbeat.ids import new_id
from heartbeat.settings import Plan
from heartbeat.store.accounting import cadence_of, moved_to, newest_due
from heartbeat.store.database import columns, insert_once, joined, one
from heartbeat.store.ledger import period_credits
from heartbeat.store.outcome import add_to_day, paused
from heartbeat.store.records import Run
from heartbeat.store.tables import Bot, Heartbeat, Project

RUN, HEARTBEAT, BOT, PROJECT = columns(Run), columns(Heartbeat), columns(Bot), columns(Project)

# Built once: putting such a statement together costs more than running it.
KNOWN = select(RUN).where(RUN.c.workflow_id == bindparam("key"))
ASKED = (
    select(HEARTBEAT, BOT, PROJECT)
    .join(BOT, BOT.c.id == HEARTBEAT.c.bot_id)
    .join(PROJECT, PROJECT.c.id == HEARTBEAT.c.project_id)
    .where(HEARTBEAT.c.uuid == bindparam("key"), HEARTBEAT.c.deleted_at.is_(None))
    .with_for_update(of=HEARTBEAT)
)
RUNNING = select(RUN.c.id).where(RUN.c.heartbeat_id == bindparam("key"), RUN.c.status == "running").limit(1)
MOVE = update(HEARTBEAT).where(HEARTBEAT.c.id == bindparam("key"))

# A tick that starts later than this was missed, for heartbeats that want no catching up.
PROMPT = timedelta(minutes=2)


@dataclass(frozen=True)
class Claim:
    """Who asks to run what, and for which tick. `run` is the log id a manual run was promised."""

    heartbeat: str
    trigger: Trigger
    run: str | None
    workflow_id: str
    workflow_run_id: str
    scheduled_for: datetime | None


@dataclass(frozen=True)
class House:
    """What the settings add to the rows: plans, the model a bot means, tokens of a reply."""

    plan: Callable[[str], Plan]
    model: Callable[[str | None], str]
    max_reply_tokens: int


@dataclass(frozen=True)
class Refusal:
    """Why a tick does not run, in a word for the log and in words for Temporal's UI."""

    why: str
    skip: SkipReason
    pause: str | None = None


@dataclass(frozen=True)
class Opening:
    """The run as it stands after `open_run`; `None` for a phantom. `sync`: the schedule must follow the row."""

    run: Run | None
    why: str = ""
    sync: bool = False


def open_run(connection: Connection, claim: Claim, house: House, now: datetime) -> Opening:
    """Claim a tick and decide, in one transaction. Asked again for the same workflow it returns what is there."""
    known = one(connection, Run, KNOWN, {"key": claim.workflow_id})
    if known is not None:
        return Opening(known, known.skip_reason or "")
    asked = joined(connection, (Heartbeat, Bot, Project), ASKED, {"key": claim.heartbeat})
    if asked is None:
        return Opening(None, "the heartbeat was deleted")
    heartbeat, bot, project = asked
    if claim.trigger == "schedule":
        if why := _phantom(claim, heartbeat):
            return Opening(None, why)
        assert claim.scheduled_for is not None
        claim = replace(claim, scheduled_for=newest_due(connection, heartbeat, claim.scheduled_for, now))
    refusal = _refuse(connection, claim, heartbeat, bot, project, house, now)
    run = _insert(connection, claim, heartbeat, bot, house, refusal, now)
    if run is None:
        return Opening(None, "this tick has its log already")
    if claim.scheduled_for is not None and claim.scheduled_for > heartbeat.accounted_until:
        connection.execute(MOVE, {"key": heartbeat.id, **moved_to(heartbeat, claim.scheduled_for)})
    if refusal is None:
        return Opening(run)
    return Opening(run, refusal.why, sync=_skip(connection, heartbeat, run, refusal, now))


def _phantom(claim: Claim, heartbeat: Heartbeat) -> str | None:
    """Why this is no tick of the heartbeat's at all: an old schedule, a repeated hour."""
    if not heartbeat.enabled:
        return "the heartbeat is not enabled"
    if claim.scheduled_for is None or not cadence_of(heartbeat).is_tick(claim.scheduled_for):
        return "the cadence has no such tick"
    return None


def _refuse(
    connection: Connection,
    claim: Claim,
    heartbeat: Heartbeat,
    bot: Bot,
    project: Project,
    house: House,
    now: datetime,
) -> Refusal | None:
    """The first reason not to run, in the order of the design; a manual run asks no cadence and waits for nobody."""
    if claim.trigger == "schedule":
        assert claim.scheduled_for is not None
        if _in_progress(connection, heartbeat):
            return Refusal("an earlier run was still in progress", "overlap")
        if heartbeat.catch_up == "none" and heartbeat.accounted_until < claim.scheduled_for < now - _prompt(heartbeat):
            return Refusal("it came too late, and catch_up is none", "missed")
    if not (bot.status and bot.heartbeat):
        return Refusal("the bot or its heartbeat is switched off", "disabled_bot")
    start, end = credits.period(now, project.period_anchor_day)
    plan = house.plan(project.plan)
    if not plan.heartbeats:
        return Refusal(f"the plan {project.plan} does not support heartbeats", "plan")
    if (
        plan.credits_per_month is not None
        and period_credits(connection, project.id or 0, start) >= plan.credits_per_month
    ):
        return Refusal(f"the {plan.credits_per_month} credits of the plan are used up", "plan")
    used = heartbeat.period_credits if heartbeat.period_start == start else 0
    if heartbeat.credit_budget is not None and used >= heartbeat.credit_budget:
        spent = f"The budget of {heartbeat.credit_budget} credits is spent; runs resume on {end:%Y-%m-%d} (UTC)."
        return Refusal("the budget is spent", "budget", spent if claim.trigger == "schedule" else None)
    return None


def _prompt(heartbeat: Heartbeat) -> timedelta:
    return PROMPT + timedelta(seconds=heartbeat.jitter_seconds)


def _in_progress(connection: Connection, heartbeat: Heartbeat) -> bool:
    return connection.execute(RUNNING, {"key": heartbeat.id}).first() is not None


def _insert(
    connection: Connection,
    claim: Claim,
    heartbeat: Heartbeat,
    bot: Bot,
    house: House,
    refusal: Refusal | None,
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
        "type": "heartbeat",
        "trigger": claim.trigger,
        "status": "skipped" if refusal else "running",
        "skip_reason": refusal.skip if refusal else None,
        "prompt": heartbeat.prompt,
        "instruction": bot.instruction,
        "model": house.model(bot.model),
        "max_reply_tokens": bot.max_reply_tokens or house.max_reply_tokens,
        "tokens_used": 0,
        "credits_charged": 0,
        "scheduled_for": claim.scheduled_for,
        "started_at": now,
        "finished_at": now if refusal else None,
        "duration_ms": 0 if refusal else None,
        "created_at": now,
    }
    return one(connection, Run, insert_once(connection.dialect.name, RUN), row)


def _skip(connection: Connection, heartbeat: Heartbeat, run: Run, refusal: Refusal, now: datetime) -> bool:
    """Count a skipped tick, and pause the heartbeat if that is what the reason asks for."""
    changes = {"skipped_count": HEARTBEAT.c.skipped_count + 1, "last_status": "skipped", "updated_at": now}
    if refusal.pause:
        changes |= paused("budget", refusal.pause, now)
    connection.execute(update(HEARTBEAT).where(HEARTBEAT.c.id == heartbeat.id).values(changes))
    add_to_day(connection, run.bot_id, run.type, run.created_at, {"skipped": 1})
    return refusal.pause is not None
