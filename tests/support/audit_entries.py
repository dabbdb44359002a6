"""What the audit log of a project has, for tests of whatever changes something."""

from sqlalchemy import select

from heartbeat.store.audit.recording import ENTRY
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import many
from heartbeat.store.tables.audit import AuditEntry


async def recorded(database: Database, project_id: int) -> list[AuditEntry]:
    """All entries, in their order."""
    mine = select(ENTRY).where(ENTRY.c.project_id == project_id).order_by(ENTRY.c.number)
    return await database.read(many, AuditEntry, mine)


async def deeds(database: Database, project_id: int) -> list[tuple[str, str]]:
    """Which kind of actor did what, in order."""
    return [(entry.actor_kind, entry.action) for entry in await recorded(database, project_id)]
