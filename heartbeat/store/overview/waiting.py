"""What waits for a person, over all bots of a project: calls that need a yes, findings, tools that changed.

The API asks by bot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    bindparam,
    case,
    func,
    literal_column,
    select,
    union_all,
)

from heartbeat.domain.errors import NotFound
from heartbeat.store.database.pages import ListFilter, Page, having_words
from heartbeat.store.database.rows import all_joined, built, columns, first
from heartbeat.store.heartbeats.project_holds import HOLD, IN_FORCE
from heartbeat.store.overview.newest import LIMIT, of_each_bot
from heartbeat.store.overview.projects import PROMPT_START
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.tables.bots import Bot, Memory, Subscriber, Tool
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Finding
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Approval, Run

APPROVAL, FINDING, RUN = columns(Approval), columns(Finding), columns(Run)
BOT, HEARTBEAT, TOOL = columns(Bot), columns(Heartbeat), columns(Tool)

# Enough of a heartbeat to name it and to link to it.
_NAMED = ("uuid", "type", "label", "timezone", "deleted_at", "ended_as")
_AROUND = [
    BOT.c.name,
    *(HEARTBEAT.c[name].label(f"heartbeat_{name}") for name in _NAMED),
    func.substr(HEARTBEAT.c.prompt, 1, PROMPT_START),
]

# How an approval ends that does not lapse unseen.
DECIDED = ("approved", "denied", "expired")
_BOTS = select(BOT.c.id).where(BOT.c.project_id == bindparam("project"), BOT.c.deleted_at.is_(None))
_PENDING = (APPROVAL.c.state == "pending") & (APPROVAL.c.expires_at > bindparam("now"))
_OPEN = FINDING.c.state == "open"

APPROVALS = (
    select(APPROVAL, RUN.c.uuid, *_AROUND)
    .join(RUN, RUN.c.id == APPROVAL.c.run_id)
    .join(BOT, BOT.c.id == APPROVAL.c.bot_id)
    .join(HEARTBEAT, HEARTBEAT.c.id == APPROVAL.c.heartbeat_id)
)
WAITING_APPROVALS = APPROVALS.where(APPROVAL.c.bot_id.in_(_BOTS), _PENDING).order_by(
    APPROVAL.c.expires_at, APPROVAL.c.id
)
# The ids come first, from the index alone: of old ones there may be very many.
_LAPSED = select(APPROVAL.c.id).where(
    APPROVAL.c.bot_id.in_(_BOTS), APPROVAL.c.state == "pending", APPROVAL.c.expires_at <= bindparam("now")
)


def _newest_in(state: str) -> Mapping[str, Select[Any]]:
    def newest(bot_id: ColumnElement[int]) -> Select[Any]:
        ids = select(APPROVAL.c.id).where(APPROVAL.c.bot_id == bot_id, APPROVAL.c.state == state)
        return ids.order_by(APPROVAL.c.id.desc()).limit(LIMIT)

    return of_each_bot(_BOTS, APPROVAL, ("id",), newest)


def _old_approvals(dialect: str) -> Select[Any]:
    old = union_all(*(_newest_in(state)[dialect] for state in DECIDED), _LAPSED).subquery()
    newest = select(old.c.id).order_by(old.c.id.desc()).limit(LIMIT)
    return APPROVALS.where(APPROVAL.c.id.in_(newest)).order_by(APPROVAL.c.id.desc())


OLD_APPROVALS = {dialect: _old_approvals(dialect) for dialect in ("sqlite", "postgresql")}
OF_RUN = APPROVALS.where(APPROVAL.c.run_id == bindparam("run")).order_by(APPROVAL.c.step)
OF_HEARTBEAT = APPROVALS.where(
    APPROVAL.c.bot_id == bindparam("bot"), APPROVAL.c.heartbeat_id == bindparam("heartbeat"), _PENDING
).order_by(APPROVAL.c.id)

FINDINGS = (
    select(FINDING, *_AROUND)
    .join(BOT, BOT.c.id == FINDING.c.bot_id)
    .join(HEARTBEAT, HEARTBEAT.c.id == FINDING.c.heartbeat_id)
)
# What matters most comes first.
_SEVERITY = case((FINDING.c.severity == "critical", 0), (FINDING.c.severity == "warning", 1), else_=2)
_LATE = (FINDING.c.last_seen_at.desc(), FINDING.c.id.desc())
_WORST = (_SEVERITY, *_LATE)
_IS_OPEN: ColumnElement[Any] = literal_column("finding.state = 'open'")
_IS_PAST: ColumnElement[Any] = literal_column("finding.state <> 'open'")


def _first(which: ColumnElement[bool], index: str, *order: Any) -> Select[Any]:
    """Select the ids of a page from an index of these alone: of findings there may be very many."""
    # SQLite, which may have no statistics, is told which one.
    ids = select(FINDING.c.id).with_hint(FINDING, f"INDEXED BY {index}", "sqlite").correlate(None)
    bounds = bindparam("limit", type_=Integer()), bindparam("offset", type_=Integer())
    return ids.where(FINDING.c.bot_id.in_(_BOTS), which).order_by(*order).limit(bounds[0]).offset(bounds[1])


_BEST = (_SEVERITY.desc(), FINDING.c.last_seen_at, FINDING.c.id)
# Those further back than half are looked for from the end: of whatever is sorted less is kept.
OPEN_FINDINGS, LAST_OPEN_FINDINGS = (
    FINDINGS.where(FINDING.c.id.in_(_first(_IS_OPEN, "ix_finding_open", *order))).order_by(*_WORST)
    for order in (_WORST, _BEST)
)


def _newest_past(bot_id: ColumnElement[int]) -> Select[Any]:
    ids = select(FINDING.c.id).with_hint(FINDING, "INDEXED BY ix_finding_past", "sqlite")
    return ids.where(FINDING.c.bot_id == bot_id, _IS_PAST).order_by(*_LATE).limit(LIMIT)


def _other_findings(past: Select[Any]) -> Select[Any]:
    newest = past.order_by(*(column.desc() for column in reversed(past.selected_columns))).limit(LIMIT).subquery()
    return FINDINGS.where(FINDING.c.id.in_(select(newest.c.id))).order_by(*_LATE)


OTHER_FINDINGS = {
    dialect: _other_findings(past)
    for dialect, past in of_each_bot(_BOTS, FINDING, ("id", "last_seen_at"), _newest_past).items()
}
OPEN_OF_HEARTBEAT = FINDINGS.where(FINDING.c.heartbeat_id == bindparam("heartbeat"), _OPEN).order_by(_SEVERITY, *_LATE)


def _count(table: Any, which: ColumnElement[bool]) -> Any:
    return select(func.count()).select_from(table).where(table.c.bot_id.in_(_BOTS), which).scalar_subquery()


OPEN_COUNT = select(_count(FINDING, _IS_OPEN))
CHANGED_TOOLS = select(func.coalesce(func.sum(TOOL.c.changed_count), 0)).where(TOOL.c.bot_id.in_(_BOTS))
HOLD_IN_FORCE = select(HOLD.c.id).where(HOLD.c.project_id == bindparam("project"), IN_FORCE)
COUNTS: Select[Any] = select(
    _count(APPROVAL, _PENDING),
    _count(FINDING, _OPEN),
    CHANGED_TOOLS.scalar_subquery(),
    HOLD_IN_FORCE.scalar_subquery(),
)
# Those that wait for somebody come first, then those with a problem.
SERVERS = select(TOOL, BOT.c.name).join(BOT, BOT.c.id == TOOL.c.bot_id).where(TOOL.c.bot_id.in_(_BOTS))
SHOWN_SERVERS: Mapping[str, ColumnElement[bool]] = {
    "on": TOOL.c.is_enabled,
    "off": ~TOOL.c.is_enabled,
    "changed": TOOL.c.changed_count > 0,
    "problem": TOOL.c.last_error.is_not(None),
}


@dataclass(frozen=True)
class WaitingCounts:
    """How many calls wait for a yes, how many findings are open, how many tools changed; and the hold in force."""

    approvals: int = 0
    findings: int = 0
    tools: int = 0
    hold_id: int | None = None


@dataclass(frozen=True)
class PendingApproval:
    """An approval with its run's and its bot's names; of the heartbeat only the columns in `_NAMED` and the prompt."""

    approval: Approval
    run_uuid: str
    bot_name: str
    heartbeat: Heartbeat


@dataclass(frozen=True)
class OpenFindingRow:
    """A finding and its bot's name; of the heartbeat only the columns in `_NAMED` and the start of the prompt."""

    finding: Finding
    bot_name: str
    heartbeat: Heartbeat


@dataclass(frozen=True)
class ListedServer:
    """A tool server and its bot's name."""

    tool: Tool
    bot_name: str


def waiting(connection: Connection, project: Project, now: datetime) -> WaitingCounts:
    """Count what waits in a project, in one statement."""
    return WaitingCounts(*connection.execute(COUNTS, {"project": project.id, "now": now}).one())


def waiting_approvals(connection: Connection, project: Project, now: datetime, limit: int) -> list[PendingApproval]:
    """List the calls that wait for a yes, those that expire first before the others."""
    return _approvals(connection, WAITING_APPROVALS.limit(limit), {"project": project.id, "now": now})


def old_approvals(connection: Connection, project: Project, now: datetime, limit: int) -> list[PendingApproval]:
    """List the approvals that were decided or expired, newest first."""
    return _approvals(
        connection, OLD_APPROVALS[connection.dialect.name], {"project": project.id, "now": now, "limit": limit}
    )


def approvals_of_run(connection: Connection, run: Run) -> list[PendingApproval]:
    """List the approvals that a run asked for, in the order of its calls."""
    return _approvals(connection, OF_RUN, {"run": run.id})


def approvals_of_heartbeat(connection: Connection, heartbeat: Heartbeat, now: datetime) -> list[PendingApproval]:
    """List the pending approvals of a heartbeat's runs."""
    parameters = {"bot": heartbeat.bot_id, "heartbeat": heartbeat.id, "now": now}
    return _approvals(connection, OF_HEARTBEAT, parameters)


def open_findings(connection: Connection, project: Project, page: Page) -> list[OpenFindingRow]:
    """Read one page of a project's open findings, the worst first, then those last seen."""
    statement, bounds = OPEN_FINDINGS, {"limit": page.size, "offset": page.offset}
    total = connection.execute(OPEN_COUNT, {"project": project.id}).scalar_one() if page.offset else 0
    if page.offset > total / 2 > 0:
        statement = LAST_OPEN_FINDINGS
        left = max(0, total - page.offset)
        bounds = {"limit": min(page.size, left), "offset": max(0, left - page.size)}
    return _findings(connection, statement, {"project": project.id, **bounds})


def other_findings(connection: Connection, project: Project, limit: int) -> list[OpenFindingRow]:
    """List the findings that are acknowledged, snoozed or resolved, last seen first."""
    return _findings(connection, OTHER_FINDINGS[connection.dialect.name], {"project": project.id, "limit": limit})


def findings_of_heartbeat(connection: Connection, heartbeat: Heartbeat, limit: int) -> list[OpenFindingRow]:
    """List the open findings of a heartbeat, the worst first, then those last seen."""
    return _findings(connection, OPEN_OF_HEARTBEAT.limit(limit), {"heartbeat": heartbeat.id})


def server_page(
    connection: Connection, project: Project, wanted: ListFilter, page: Page
) -> tuple[list[ListedServer], int]:
    """Read one page of a project's tool servers, those with tools that changed first, and how many there are in all.

    Words stand in the label, the address or the bot's name; `show` is a key of `SHOWN_SERVERS`.
    """
    parameters = {"project": project.id}
    words = having_words(wanted.words, TOOL.c.uuid, TOOL.c.server_label, TOOL.c.server_url, BOT.c.name)
    which = SERVERS.where(*words, *([SHOWN_SERVERS[wanted.show]] if wanted.show else []))
    in_order = which.order_by(TOOL.c.changed_count.desc(), TOOL.c.last_error.is_(None), TOOL.c.id)
    rows = all_joined(connection, (Tool,), in_order.limit(page.size).offset(page.offset), parameters)
    total = connection.execute(select(func.count()).select_from(which.subquery()), parameters).scalar_one()
    return [ListedServer(*row) for row in rows], total


def access_to_tool(connection: Connection, access: Access, tool_uuid: str) -> Access:
    """Narrow the access to the bot that a tool server is connected to; raises `NotFound`."""
    return access.narrowed(_bot(connection, access.project, TOOL, "tool", tool_uuid))


def bot_of_approval(connection: Connection, project: Project, approval_uuid: str) -> Bot:
    """Read the bot whose run asked, if it is one of the project's; raises `NotFound`."""
    return _bot(connection, project, APPROVAL, "approval", approval_uuid)


def access_to_finding(connection: Connection, access: Access, finding_uuid: str) -> Access:
    """Narrow the access to the bot whose run reported it, if it is one of the project's; raises `NotFound`."""
    return access.narrowed(_bot(connection, access.project, FINDING, "finding", finding_uuid))


def access_to_subscriber(connection: Connection, access: Access, member_uuid: str) -> Access:
    """Narrow the access to the bot that a subscriber is of; raises `NotFound`."""
    return access.narrowed(_bot(connection, access.project, columns(Subscriber), "subscriber", member_uuid))


def access_to_memory(connection: Connection, access: Access, memory_uuid: str) -> Access:
    """Narrow the access to the bot that remembers it; raises `NotFound`."""
    return access.narrowed(_bot(connection, access.project, columns(Memory), "memory", memory_uuid))


def _bot(connection: Connection, project: Project, table: Any, noun: str, uuid: str) -> Bot:
    of_row = select(BOT).join(table, table.c.bot_id == BOT.c.id).where(table.c.uuid == as_public_id(uuid))
    bot = first(connection, Bot, of_row.where(BOT.c.project_id == project.id, BOT.c.deleted_at.is_(None)))
    if bot is None:
        raise NotFound(noun, uuid[:64])
    return bot


def _approvals(connection: Connection, statement: Select[Any], parameters: dict[str, Any]) -> list[PendingApproval]:
    rows = all_joined(connection, (Approval,), statement, parameters)
    return [PendingApproval(approval, run_uuid, *_around(around)) for approval, run_uuid, *around in rows]


def _findings(connection: Connection, statement: Select[Any], parameters: dict[str, Any]) -> list[OpenFindingRow]:
    rows = all_joined(connection, (Finding,), statement, parameters)
    return [OpenFindingRow(finding, *_around(around)) for finding, *around in rows]


def _around(values: Sequence[Any]) -> tuple[str, Heartbeat]:
    return values[0], built(Heartbeat, (*_NAMED, "prompt"), values[1:])
