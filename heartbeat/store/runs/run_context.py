"""What is known when a run is opened, for its first message: in one statement, and one more if there are memories."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, literal, null, select, union_all

from heartbeat.domain.first_message import MAX_ANSWER_LENGTH, MAX_ANSWERS, EarlierRun, OpenFinding, RunContext, compose
from heartbeat.domain.reminders import instructions
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns
from heartbeat.store.memory.memory import MemoryOwner, recall
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Finding
from heartbeat.store.tables.runs import Run

RUN, FINDING = columns(Run), columns(Finding)

MOST_FINDINGS = 10
MOST_MEMORIES = 5


def _newest(status: str, most: int) -> Select[Any]:
    """By status, so that an index finds them however many ticks were skipped since."""
    runs = select(
        RUN.c.status.label("kind"),
        RUN.c.id.label("id"),
        RUN.c.started_at.label("at"),
        func.coalesce(RUN.c.error_message, RUN.c.report["summary"].as_string()).label("text"),
        # One more than is shown, so that it can be seen that there was more.
        func.substr(RUN.c.response, 1, MAX_ANSWER_LENGTH + 1).label("answer"),
        null().label("mark"),
    )
    mine = (RUN.c.heartbeat_id == bindparam("heartbeat")) & (RUN.c.status == status) & RUN.c.dry_run.is_(False)
    return _first(runs.where(mine).order_by(RUN.c.id.desc()), most)


def _open_findings() -> Select[Any]:
    findings = select(
        literal("finding").label("kind"),
        FINDING.c.id.label("id"),
        FINDING.c.first_seen_at.label("at"),
        FINDING.c.title.label("text"),
        FINDING.c.severity.label("answer"),
        FINDING.c.fingerprint.label("mark"),
    )
    mine = (FINDING.c.heartbeat_id == bindparam("heartbeat")) & (FINDING.c.state != "resolved")
    return _first(findings.where(mine).order_by(FINDING.c.last_seen_at.desc(), FINDING.c.id.desc()), MOST_FINDINGS)


def _first(query: Select[Any], most: int) -> Select[Any]:
    # SQLite takes a limit within a union only as a query of its own.
    return select(query.limit(most).subquery())


# Built once: putting such a statement together costs more than running it.
BEFORE = Prepared(
    union_all(_newest("success", MAX_ANSWERS), _newest("error", 1), _newest("cancelled", 1), _open_findings())
)


@dataclass(frozen=True)
class Told:
    """What is known from elsewhere: what was seen at the gate, and sentences about tools (see `RunContext`)."""

    gate: str = ""
    tools: Sequence[str] = ()


def opening_of(connection: Connection, heartbeat: Heartbeat, has_memories: bool, now: datetime, told: Told) -> str:
    """The text before the prompt. A heartbeat that never ran has no past to look up."""
    rows: Sequence[Any] = ()
    if heartbeat.last_executed_at is not None:
        rows = sorted(BEFORE.run(connection, {"heartbeat": heartbeat.id}), key=lambda row: row.id)
    earlier = [EarlierRun(row.kind, row.at, row.text, row.answer) for row in rows if row.kind != "finding"]
    findings = [OpenFinding(row.text, row.answer, row.mark, row.at) for row in rows if row.kind == "finding"]
    memories: list[tuple[str, str]] = []
    if has_memories:
        recalled = recall(
            connection, MemoryOwner(heartbeat.bot_id, heartbeat.member_id), heartbeat.prompt, MOST_MEMORIES
        )
        memories = [(memory.uuid, memory.text) for memory in recalled]
    context = RunContext(earlier, findings, memories, told.tools, told.gate, instructions(heartbeat.expect))
    return compose(context, now, heartbeat.timezone)
