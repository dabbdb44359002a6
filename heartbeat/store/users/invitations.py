"""Invitations: links that make whoever has an e-mail address a member of a project, good for a week and one use.

The store keeps a link's SHA-256 alone.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from heartbeat.domain.errors import Conflict, Forbidden, Invalid, NotFound
from heartbeat.domain.ids import new_id
from heartbeat.domain.people import check_email, check_role
from heartbeat.store.audit.recording import record
from heartbeat.store.database.acting import actor_of
from heartbeat.store.database.rows import exactly_one, joined, many
from heartbeat.store.projects.access import as_public_id
from heartbeat.store.projects.open_invitations import INVITATION, UNUSED, is_open
from heartbeat.store.projects.projects import PROJECT, digest
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.users import ProjectInvitation, User
from heartbeat.store.users.memberships import is_member, set_member
from heartbeat.store.users.passwords import set_password
from heartbeat.store.users.users import act_as_user, create_user, user_by_email

LASTS = timedelta(days=7)
USED = "This invitation was used already, was withdrawn or replaced, or is older than seven days. Ask for another one."
HAS_ACCOUNT = "Somebody with this address has an account already: sign in with it first, then open the link again."
IS_MEMBER = "belongs to a member already; change their role instead"
OF_ANOTHER = "This invitation is for another address than that of your account."


@dataclass(frozen=True)
class NewInvitation:
    """An invitation just made; `token` is not kept anywhere."""

    token: str
    row: ProjectInvitation


@dataclass(frozen=True)
class OpenInvitation:
    """An invitation that still works, its project, and whether its address has an account."""

    invitation: ProjectInvitation
    project: Project
    has_account: bool


def invite(
    connection: Connection, project: Project, email: str, role: str, invited_by: str, now: datetime
) -> NewInvitation:
    """Invite whoever has this address; an earlier invitation of theirs to the project ends.

    Raises `Invalid`, also for a member: an invitation changes no role.
    """
    email = check_email(email)
    known = user_by_email(connection, email)
    if known is not None and is_member(connection, known, project):
        raise Invalid("email", IS_MEMBER)
    earlier = (INVITATION.c.project_id == project.id) & (INVITATION.c.email == email)
    connection.execute(delete(INVITATION).where(earlier, is_open(now)))
    token = secrets.token_urlsafe(32)
    row = {
        "uuid": new_id("inv"),
        "project_id": project.id,
        "email": email,
        "role": check_role(role),
        "hash": digest(token),
        "invited_by": invited_by,
        "invited_by_id": actor_of(connection).id or None,
        "created_at": now,
        "expires_at": now + LASTS,
    }
    made = exactly_one(connection, ProjectInvitation, INVITATION.insert().values(row).returning(INVITATION))
    record(connection, project.id, "invitation.create", made.uuid, email, {"role": [None, role]})
    return NewInvitation(token, made)


def invitations(connection: Connection, project: Project, now: datetime) -> list[ProjectInvitation]:
    """List the invitations to a project that nobody has used yet, by their addresses."""
    mine = select(INVITATION).where(INVITATION.c.project_id == project.id, is_open(now))
    return many(connection, ProjectInvitation, mine.order_by(INVITATION.c.email))


def withdraw(connection: Connection, project: Project, uuid: str) -> None:
    """Make an invitation useless; raises `NotFound`."""
    mine = (INVITATION.c.project_id == project.id) & (INVITATION.c.uuid == as_public_id(uuid))
    if connection.execute(delete(INVITATION).where(mine, UNUSED)).rowcount == 0:
        raise NotFound("invitation", uuid[:64])
    record(connection, project.id, "invitation.withdraw", uuid)


def open_invitation(connection: Connection, token: str, now: datetime) -> OpenInvitation:
    """Read the invitation with this token; raises `Forbidden` when it was used, is too old, or is none."""
    of_project = select(INVITATION, PROJECT).join(PROJECT, PROJECT.c.id == INVITATION.c.project_id)
    chosen = of_project.where(INVITATION.c.hash == digest(token), is_open(now))
    row = joined(connection, (ProjectInvitation, Project), chosen, {})
    if row is None:
        raise Forbidden("link_used", USED)
    invitation, project = row
    return OpenInvitation(invitation, project, user_by_email(connection, invitation.email) is not None)


def accept_as_new(connection: Connection, token: str, name: str, password_hash: str, now: datetime) -> User:
    """Make an account for whoever was invited; raises `Forbidden`, and `Conflict` if there is one."""
    opened = _use(connection, token, now)
    user = create_user(connection, opened.invitation.email, name, now)
    if user is None:
        raise Conflict("has_account", HAS_ACCOUNT)
    act_as_user(connection, user)
    set_password(connection, user, password_hash)
    set_member(connection, user, opened.project, opened.invitation.role, now)
    return user


def accept(connection: Connection, token: str, user: User, now: datetime) -> Project:
    """Make a person who has an account a member; raises `Forbidden`, also when the invitation is somebody else's.

    Who has become a member meanwhile keeps their role: the last admin would else lose it here.
    """
    opened = _use(connection, token, now)
    if opened.invitation.email != user.email:
        raise Forbidden("another_address", OF_ANOTHER)
    act_as_user(connection, user)
    if not is_member(connection, user, opened.project):
        set_member(connection, user, opened.project, opened.invitation.role, now)
    return opened.project


def _use(connection: Connection, token: str, now: datetime) -> OpenInvitation:
    opened = open_invitation(connection, token, now)
    # Of two at once one waits here, and finds that it was used.
    mine = INVITATION.c.id == opened.invitation.id
    if connection.execute(update(INVITATION).where(mine, UNUSED).values(used_at=now)).rowcount == 0:
        raise Forbidden("link_used", USED)
    return opened
