"""Remove the oldest entries of an audit log; what is left of the chain can be proved as before."""

from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from heartbeat.store.database.rows import columns
from heartbeat.store.tables.audit import AuditEntry, AuditHead
from heartbeat.store.tables.projects import Project

ENTRY, HEAD, PROJECT = columns(AuditEntry), columns(AuditHead), columns(Project)
BATCH_SIZE = 500


def audited_projects(connection: Connection) -> list[tuple[int, str]]:
    """List the projects that have an audit log, each with the name of its plan."""
    chosen = select(HEAD.c.project_id, PROJECT.c.plan).join(PROJECT, PROJECT.c.id == HEAD.c.project_id)
    return [(row.project_id, row.plan) for row in connection.execute(chosen.order_by(HEAD.c.project_id))]


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
