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


def withdraw_made_by(connection: Connection, user_uuid: str, project_id: int | None = None) -> None:
    """Make useless what a person has invited others by, to one project or to all."""
    theirs = UNUSED & (INVITATION.c.invited_by_id == user_uuid)
    if project_id is not None:
        theirs &= INVITATION.c.project_id == project_id
    gone = delete(INVITATION).where(theirs)
    named = (INVITATION.c.project_id, INVITATION.c.uuid, INVITATION.c.email, INVITATION.c.role)
    for project, uuid, email, role in connection.execute(gone.returning(*named)).all():
        record(connection, project, "invitation.withdraw", uuid, email, {"role": [role, None]})
