"""Remove the oldest entries of an audit log; what is left of the chain can be proved as before."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from heartbeat.store.database.rows import columns
from heartbeat.store.tables.audit import AuditEntry, AuditHead
from heartbeat.store.tables.projects import Project

ENTRY, HEAD, PROJECT = columns(AuditEntry), columns(AuditHead), columns(Project)
BATCH_SIZE = 500


@dataclass(frozen=True)
class AuditedProject:
    """A project that has an audit log, the name of its plan, and of when the first entry is that is still there."""

    id: int
    plan: str
    first_at: datetime


def audited_projects(connection: Connection) -> list[AuditedProject]:
    """List the projects that have entries in their audit logs."""
    mine = select(ENTRY.c.at).where(ENTRY.c.project_id == HEAD.c.project_id)
    first_at = mine.order_by(ENTRY.c.number).limit(1).scalar_subquery()
    chosen = select(HEAD.c.project_id, PROJECT.c.plan, first_at).join(PROJECT, PROJECT.c.id == HEAD.c.project_id)
    rows = connection.execute(chosen.where(first_at.is_not(None)).order_by(HEAD.c.project_id))
    return [AuditedProject(*row) for row in rows]


def prune_audit(connection: Connection, project_id: int, before: datetime) -> int:
    """Remove entries from the first on until one is newer, a batch at most; returns how many.

    The head keeps the number and the hash of the last that is gone, after which the chain begins from then on.
    """
    # Before anything is read: of two who prune the later one must not move the beginning back.
    connection.execute(select(HEAD.c.number).where(HEAD.c.project_id == project_id).with_for_update())
    mine = ENTRY.c.project_id == project_id
    oldest = select(ENTRY.c.number, ENTRY.c.at, ENTRY.c.hash).where(mine).order_by(ENTRY.c.number).limit(BATCH_SIZE)
    gone = []
    for row in connection.execute(oldest):
        if row.at >= before:
            break
        gone.append(row)
    if gone:
        last = gone[-1]
        begins = update(HEAD).where(HEAD.c.project_id == project_id)
        connection.execute(begins.values(first_number=last.number, first_hash=last.hash))
        connection.execute(delete(ENTRY).where(mine, ENTRY.c.number <= last.number))
    return len(gone)
