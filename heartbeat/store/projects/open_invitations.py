"""Invitations that nobody has used yet: which they are, and how they end with whoever made them."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete

from heartbeat.store.audit.recording import record
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.users import ProjectInvitation

INVITATION = columns(ProjectInvitation)
UNUSED = INVITATION.c.used_at.is_(None)


def is_open(now: datetime) -> ColumnElement[bool]:
    """That an invitation still works."""
    return UNUSED & (INVITATION.c.expires_at > now)


def withdraw_made_by(connection: Connection, maker_uuid: str, project_id: int) -> None:
    """Make useless what a person, or whoever had a key, has invited others to a project by."""
    theirs = (INVITATION.c.project_id == project_id) & (INVITATION.c.invited_by_id == maker_uuid)
    gone = delete(INVITATION).where(theirs, UNUSED).returning(INVITATION.c.uuid, INVITATION.c.email, INVITATION.c.role)
    for uuid, email, role in connection.execute(gone).all():
        record(connection, project_id, "invitation.withdraw", uuid, email, {"role": [role, None]})
