"""What waits for a person, over all bots of a project: calls that need a yes, and findings. The API asks by bot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, case, func, select

from heartbeat.domain.errors import NotFound
from heartbeat.store.overview.projects import PROMPT_START
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import as_public_id
from heartbeat.store.rows import all_joined, built, columns, first
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Finding
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Approval, Run

ASKED, FINDING, RUN = columns(Approval), columns(Finding), columns(Run)
BOT, HEARTBEAT = columns(Bot), columns(Heartbeat)

# Enough of a heartbeat to name it and to link to it.
_NAMED = ("uuid", "type", "label", "timezone", "deleted_at", "ended_as")
_AROUND = [
    BOT.c.name,
    *(HEARTBEAT.c[name].label(f"heartbeat_{name}") for name in _NAMED),
    func.substr(HEARTBEAT.c.prompt, 1, PROMPT_START),
]

_BOTS = select(BOT.c.id).where(BOT.c.project_id == bindparam("project"), BOT.c.deleted_at.is_(None))
_PENDING = (ASKED.c.state == "pending") & (ASKED.c.expires_at > bindparam("now"))
_OPEN = FINDING.c.state == "open"

APPROVALS = (
    select(ASKED, RUN.c.uuid, *_AROUND)
    .join(RUN, RUN.c.id == ASKED.c.run_id)
    .join(BOT, BOT.c.id == ASKED.c.bot_id)
    .join(HEARTBEAT, HEARTBEAT.c.id == ASKED.c.heartbeat_id)
)
WAITING_APPROVALS = APPROVALS.where(ASKED.c.bot_id.in_(_BOTS), _PENDING).order_by(ASKED.c.expires_at, ASKED.c.id)
OLD_APPROVALS = APPROVALS.where(ASKED.c.bot_id.in_(_BOTS), ~_PENDING).order_by(ASKED.c.id.desc())
OF_RUN = APPROVALS.where(ASKED.c.run_id == bindparam("run")).order_by(ASKED.c.step)
OF_HEARTBEAT = APPROVALS.where(
    ASKED.c.bot_id == bindparam("bot"), ASKED.c.heartbeat_id == bindparam("heartbeat"), _PENDING
).order_by(ASKED.c.id)

FINDINGS = (
    select(FINDING, *_AROUND)
    .join(BOT, BOT.c.id == FINDING.c.bot_id)
    .join(HEARTBEAT, HEARTBEAT.c.id == FINDING.c.heartbeat_id)
)
# What matters most comes first.
_SEVERITY = case((FINDING.c.severity == "critical", 0), (FINDING.c.severity == "warning", 1), else_=2)
_LATE = (FINDING.c.last_seen_at.desc(), FINDING.c.id.desc())
OPEN_FINDINGS = FINDINGS.where(FINDING.c.bot_id.in_(_BOTS), _OPEN).order_by(_SEVERITY, *_LATE)
OTHER_FINDINGS = FINDINGS.where(FINDING.c.bot_id.in_(_BOTS), FINDING.c.state != "open").order_by(*_LATE)
OPEN_OF_HEARTBEAT = FINDINGS.where(FINDING.c.heartbeat_id == bindparam("heartbeat"), _OPEN).order_by(_SEVERITY, *_LATE)


def _count(of: Any, which: ColumnElement[bool]) -> Any:
    return select(func.count()).select_from(of).where(of.c.bot_id.in_(_BOTS), which).scalar_subquery()


COUNTS: Select[Any] = select(_count(ASKED, _PENDING), _count(FINDING, _OPEN))


@dataclass(frozen=True)
class WaitingCounts:
    """How many calls wait for a yes, and how many findings are open."""

    approvals: int = 0
    findings: int = 0


@dataclass(frozen=True)
class PendingApproval:
    """An approval, the log id of its run, its bot's name, and of its heartbeat what names it."""

    approval: Approval
    run: str
    bot: str
    heartbeat: Heartbeat


@dataclass(frozen=True)
class OpenFindingRow:
    """A finding, its bot's name, and of its heartbeat what names it."""

    finding: Finding
    bot: str
    heartbeat: Heartbeat


def waiting(connection: Connection, project: Project, now: datetime) -> WaitingCounts:
    """What waits in a project, counted by one statement."""
    return WaitingCounts(*connection.execute(COUNTS, {"project": project.id, "now": now}).one())


def waiting_approvals(connection: Connection, project: Project, now: datetime, most: int) -> list[PendingApproval]:
    """The calls that wait for a yes, those that expire first before the others."""
    return _asked(connection, WAITING_APPROVALS.limit(most), {"project": project.id, "now": now})


def old_approvals(connection: Connection, project: Project, now: datetime, most: int) -> list[PendingApproval]:
    """The approvals that were decided or expired, newest first."""
    return _asked(connection, OLD_APPROVALS.limit(most), {"project": project.id, "now": now})


def approvals_of_run(connection: Connection, run: Run) -> list[PendingApproval]:
    """What a run asked for, in order."""
    return _asked(connection, OF_RUN, {"run": run.id})


def approvals_of_heartbeat(connection: Connection, heartbeat: Heartbeat, now: datetime) -> list[PendingApproval]:
    """What runs of a heartbeat wait for."""
    given = {"bot": heartbeat.bot_id, "heartbeat": heartbeat.id, "now": now}
    return _asked(connection, OF_HEARTBEAT, given)


def open_findings(connection: Connection, project: Project, page: Page) -> list[OpenFindingRow]:
    """One page of a project's open findings, the worst first, then those last seen."""
    return _found(connection, OPEN_FINDINGS.limit(page.size).offset(page.offset), {"project": project.id})


def other_findings(connection: Connection, project: Project, most: int) -> list[OpenFindingRow]:
    """Findings that are acknowledged, snoozed or resolved, last seen first."""
    return _found(connection, OTHER_FINDINGS.limit(most), {"project": project.id})


def findings_of_heartbeat(connection: Connection, heartbeat: Heartbeat, most: int) -> list[OpenFindingRow]:
    """The open findings of a heartbeat, the worst first, then those last seen."""
    return _found(connection, OPEN_OF_HEARTBEAT.limit(most), {"heartbeat": heartbeat.id})


def bot_of_approval(connection: Connection, project: Project, uuid: str) -> Bot:
    """The bot that asked, if it is one of the project's; raises `NotFound`."""
    return _bot(connection, project, ASKED, "approval", uuid)


def bot_of_finding(connection: Connection, project: Project, uuid: str) -> Bot:
    """The bot that found it, if it is one of the project's; raises `NotFound`."""
    return _bot(connection, project, FINDING, "finding", uuid)


def _bot(connection: Connection, project: Project, of: Any, noun: str, uuid: str) -> Bot:
    theirs = select(BOT).join(of, of.c.bot_id == BOT.c.id).where(of.c.uuid == as_public_id(uuid))
    found = first(connection, Bot, theirs.where(BOT.c.project_id == project.id, BOT.c.deleted_at.is_(None)))
    if found is None:
        raise NotFound(noun, uuid[:64])
    return found


def _asked(connection: Connection, statement: Select[Any], given: dict[str, Any]) -> list[PendingApproval]:
    rows = all_joined(connection, (Approval,), statement, given)
    return [PendingApproval(approval, run, *_around(around)) for approval, run, *around in rows]


def _found(connection: Connection, statement: Select[Any], given: dict[str, Any]) -> list[OpenFindingRow]:
    return [
        OpenFindingRow(finding, *_around(around))
        for finding, *around in all_joined(connection, (Finding,), statement, given)
    ]


def _around(values: Sequence[Any]) -> tuple[str, Heartbeat]:
    return values[0], built(Heartbeat, (*_NAMED, "prompt"), values[1:])
