"""Approvals: a person's yes or no to a tool call, or to more credits for a run, asked for once, decided once."""

from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, select, update

from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.domain.ids import new_id
from heartbeat.domain.tool_risks import ApprovalReason
from heartbeat.store.audit.recording import field_changes, record_of_bot
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import columns, exactly_one, first, insert_once
from heartbeat.store.heartbeats.heartbeats import denied_by_deletion
from heartbeat.store.notifications.events import APPROVAL, record_event
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.runs.parks import BUDGET, expired, give, lock
from heartbeat.store.runs.tool_calls import CallReceipt
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.run_indexes import of_running
from heartbeat.store.tables.runs import Approval, Run, Step

HEARTBEAT, BOT, RUN, STEP = columns(Heartbeat), columns(Bot), columns(Run), columns(Step)
APPROVALS = columns(Approval)

Decision = Literal["approved", "denied"]


def ask(connection: Connection, receipt: CallReceipt, reason: ApprovalReason, now: datetime) -> Approval:
    """The approval of a call as it stands; asked for if nobody was, expired if nobody answered in time.

    For a heartbeat that somebody deleted nobody is asked: it is denied.
    """
    run, call = receipt.run, receipt.call
    # Whoever deletes it meanwhile waits, and then denies what is asked for here.
    locked = select(HEARTBEAT).where(HEARTBEAT.c.id == run.heartbeat_id).with_for_update(read=True)
    heartbeat = exactly_one(connection, Heartbeat, locked)
    values = {
        "uuid": new_id("apr"),
        "bot_id": run.bot_id,
        "heartbeat_id": run.heartbeat_id,
        "run_id": run.id,
        "step": call.number,
        "tool": call.name,
        "arguments": call.arguments,
        "reason": reason.reason,
        "why": reason.why,
        "state": "pending",
        "expires_at": now + timedelta(hours=heartbeat.approval_timeout_hours),
        "created_at": now,
    }
    is_deleted = heartbeat.deleted_at is not None and heartbeat.ended_as is None
    values |= denied_by_deletion(now) if is_deleted else {}
    row = first(connection, Approval, insert_once(connection.dialect.name, APPROVALS), values)
    if row is not None and is_deleted:
        return row
    if row is not None:
        data = {
            "approval": row.uuid,
            "tool": row.tool,
            "reason": row.reason,
            "why": row.why,
            "expires_at": row.expires_at.isoformat(),
        }
        record_event(connection, heartbeat, APPROVAL, data, now, run.id)
        return row
    row = exactly_one(connection, Approval, _of_step(run.id, call.number))
    return expired(connection, row) if row.state == "pending" and row.expires_at <= now else row


def ask_in_call(connection: Connection, receipt: CallReceipt, question: str, now: datetime) -> Approval:
    """The approval of what a server asks in the middle of a call, which was broken off and waits to be made anew."""
    # First, for it locks the heartbeat, which a step that begins locks before its own row.
    approval = ask(connection, receipt, ApprovalReason("elicitation", question), now)
    broken_off = (STEP.c.id == receipt.call.id) & (STEP.c.state == "called")
    connection.execute(update(STEP).where(broken_off).values(state="asked", progress=None))
    return approval


def approved_question(connection: Connection, call: Step) -> str | None:
    """What a server asked in the middle of this call, if a person has said yes to it."""
    of_call = (APPROVALS.c.run_id == call.run_id) & (APPROVALS.c.step == call.number)
    is_yes = (APPROVALS.c.reason == "elicitation") & (APPROVALS.c.state == "approved")
    return connection.execute(select(APPROVALS.c.why).where(of_call, is_yes)).scalar()


def decide(
    connection: Connection, uuid: str, decision: Decision, by: str, now: datetime, credits_given: int | None = None
) -> Approval:
    """Decide, once. Raises `NotFound`, or `Conflict` when it was decided otherwise, or too late to be decided.

    A yes to a run that waits for credits gives it `credits_given`, or as many as it asks for; too few are `Invalid`.
    """
    row = _locked(connection, uuid)
    if row.state == decision:
        return row
    if row.state != "pending" or row.expires_at <= now:
        state = "expired" if row.state == "pending" else row.state
        raise Conflict("already_decided", f"This call was {state} already; nothing was changed.")
    decided: dict[str, object] = {"state": decision, "decided_by": by, "decided_at": now}
    if row.reason == BUDGET:
        is_yes = decision == "approved"
        decided["credits"] = give(connection, lock(connection, row), row, credits_given, now) if is_yes else None
    written = update(APPROVALS).where(APPROVALS.c.id == row.id).values(decided).returning(APPROVALS)
    changes = field_changes(vars(row), {name: decided[name] for name in ("state", "credits") if name in decided})
    record_of_bot(connection, row.bot_id, "approval.decide", row.uuid, row.tool, changes)
    return exactly_one(connection, Approval, written)


def _locked(connection: Connection, uuid: str) -> Approval:
    """Lock an approval; of one that gives credits, those who may be given them before it."""
    of_approval = select(APPROVALS).where(APPROVALS.c.uuid == as_public_id(uuid))
    row = first(connection, Approval, of_approval)
    if row is None:
        raise NotFound("approval", uuid[:64])
    if row.reason == BUDGET:
        lock(connection, row)
    return exactly_one(connection, Approval, of_approval.with_for_update())


def approvals(connection: Connection, access: Access, state: str | None, page: Page) -> tuple[list[Row[Any]], int]:
    """One page of a bot's approvals, newest first, and how many there are."""
    mine = [APPROVALS.c.bot_id == access.bot.id, *([APPROVALS.c.state == state] if state else [])]
    total = connection.execute(select(func.count()).select_from(APPROVALS).where(*mine)).scalar_one()
    ids = select(APPROVALS.c.id).where(*mine).order_by(APPROVALS.c.id.desc()).limit(page.size).offset(page.offset)
    return list(connection.execute(_shown().where(APPROVALS.c.id.in_(ids)).order_by(APPROVALS.c.id.desc()))), total


def unheard(connection: Connection, limit: int) -> list[tuple[str, int]]:
    """Workflow ids and steps of runs that still wait for what was decided of a call: their wake-up call was lost."""
    waiting = (
        of_running(select(RUN.c.workflow_id, APPROVALS.c.step))
        .join(APPROVALS, APPROVALS.c.run_id == RUN.c.id)
        .join(STEP, (STEP.c.run_id == RUN.c.id) & (STEP.c.number == APPROVALS.c.step))
        .where(STEP.c.state == "asked", APPROVALS.c.state.in_(("approved", "denied")))
        .limit(limit)
    )
    return [(row.workflow_id, row.step) for row in connection.execute(waiting)]


def approval(connection: Connection, uuid: str, bot: Bot | None = None) -> Row[Any]:
    """One approval, of `bot` if that is given, with the names and the workflow around it; raises `NotFound`."""
    mine = APPROVALS.c.uuid == as_public_id(uuid)
    found = connection.execute(_shown().where(mine if bot is None else mine & (APPROVALS.c.bot_id == bot.id))).first()
    if found is None:
        raise NotFound("approval", uuid[:64])
    return found


def sealed_as(uuid: str) -> str:
    """What the token of a link to this approval is bound to."""
    return f"approval:{uuid}"


def _shown() -> Any:
    around = (
        RUN.c.uuid.label("run_uuid"),
        RUN.c.workflow_id,
        BOT.c.name.label("bot_name"),
        HEARTBEAT.c.uuid.label("heartbeat_uuid"),
        HEARTBEAT.c.prompt.label("heartbeat_prompt"),
    )
    return (
        select(APPROVALS, *around)
        .join(RUN, RUN.c.id == APPROVALS.c.run_id)
        .join(BOT, BOT.c.id == APPROVALS.c.bot_id)
        .join(HEARTBEAT, HEARTBEAT.c.id == APPROVALS.c.heartbeat_id)
    )


def _of_step(run_id: int | None, step: int) -> Any:
    return select(APPROVALS).where(APPROVALS.c.run_id == run_id, APPROVALS.c.step == step).with_for_update()
