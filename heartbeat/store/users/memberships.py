"""What people may do in which project: their roles, and which projects they choose among."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.domain.people import check_role
from heartbeat.store.audit.recording import record
from heartbeat.store.database.pages import ListFilter, Page, having_words
from heartbeat.store.database.rows import all_joined, insert, joined, many
from heartbeat.store.projects.access import as_public_id
from heartbeat.store.projects.open_invitations import withdraw_made_by
from heartbeat.store.projects.projects import PROJECT, lock_project
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.users import Membership, User
from heartbeat.store.users.users import (
    MEMBERSHIP,
    NO_CREDENTIALS,
    NOT_REMOVED,
    SESSION,
    USER,
    actor_of_user,
    sign_out_everywhere,
)

ADMIN = "admin"
INVITED, GROUP = "invited", "group"
LAST_ADMIN = "This is the project's last admin; make somebody else an admin first."


@dataclass(frozen=True)
class Member:
    """A person and what they may do in a project."""

    membership: Membership
    user: User


_JOINED = MEMBERSHIP.join(USER, USER.c.id == MEMBERSHIP.c.user_id)


def set_member(
    connection: Connection, user: User, project: Project, role: str, now: datetime, source: str = INVITED
) -> None:
    """Make a person a member of a project, or give them another role in it. Raises `Invalid`.

    Whoever had another role has to sign in again.
    """
    row = {"user_id": user.id, "project_id": project.id, "role": check_role(role), "source": source, "created_at": now}
    before = connection.execute(
        select(MEMBERSHIP.c.role).where(MEMBERSHIP.c.user_id == user.id, MEMBERSHIP.c.project_id == project.id)
    ).scalar()
    statement = insert(connection, MEMBERSHIP).values(row)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["user_id", "project_id"], set_={"role": role, "source": source})
    )
    if before != role:
        record(connection, project.id, "member.role", user.uuid, actor_of_user(user).words, {"role": [before, role]})
    if before not in (None, role):
        _end_former_role(connection, user, project, role)


def remove_member(connection: Connection, user: User, project: Project) -> None:
    """Take away what a person may do in a project, and end their sessions there."""
    mine = (MEMBERSHIP.c.user_id == user.id) & (MEMBERSHIP.c.project_id == project.id)
    if connection.execute(delete(MEMBERSHIP).where(mine)).rowcount:
        record(connection, project.id, "member.remove", user.uuid, actor_of_user(user).words)
    _end_former_role(connection, user, project)


def change_role(connection: Connection, project: Project, user_uuid: str, role: str) -> Member:
    """Give a member another role; returns them as they were. Raises `NotFound`, `Invalid`, and `Conflict`."""
    member = _locked_member(connection, project, user_uuid)
    if member.membership.role == check_role(role):
        return member
    _require_another_admin(connection, project, member)
    mine = MEMBERSHIP.c.id == member.membership.id
    connection.execute(update(MEMBERSHIP).where(mine).values(role=role, source=INVITED))
    changes = {"role": [member.membership.role, role]}
    record(connection, project.id, "member.role", member.user.uuid, actor_of_user(member.user).words, changes)
    _end_former_role(connection, member.user, project, role)
    return member


def dismiss(connection: Connection, project: Project, user_uuid: str, *, also_last_admin: bool = False) -> Member:
    """Remove a member of a project; returns them as they were. Raises `NotFound`, and `Conflict` for the last admin."""
    member = _locked_member(connection, project, user_uuid)
    if not also_last_admin:
        _require_another_admin(connection, project, member)
    remove_member(connection, member.user, project)
    return member


def remove_user(connection: Connection, user: User, now: datetime, *, also_last_admin: bool = False) -> None:
    """Take away all that a person may do, and end their sessions and invitations. What names them goes on naming them.

    Who an issuer knows as this person is kept, so that nobody comes back without being invited. Raises `Conflict` for
    the last admin of a project.
    """
    # In one order, so that no two wait for each other.
    for project in sorted(projects_of(connection, user.id), key=lambda one: one.id):
        dismiss(connection, project, user.uuid, also_last_admin=also_last_admin)
    sign_out_everywhere(connection, user.id)
    connection.execute(update(USER).where(USER.c.id == user.id).values(removed_at=now, **NO_CREDENTIALS))


def led_alone(connection: Connection, user_id: int) -> list[Project]:
    """List the projects whose only admin a person is, by their names."""
    mine = select(MEMBERSHIP.c.project_id).where(MEMBERSHIP.c.user_id == user_id, MEMBERSHIP.c.role == ADMIN)
    alone = [led for led in connection.execute(mine).scalars().all() if not has_admin(connection, led, but=user_id)]
    return [project for project in projects_of(connection, user_id) if project.id in alone]


def has_admin(connection: Connection, project_id: int, but: int | None = None) -> bool:
    """Tell whether a project has an admin, who may be anybody but one person."""
    admins = (MEMBERSHIP.c.project_id == project_id) & (MEMBERSHIP.c.role == ADMIN) & NOT_REMOVED
    found = select(MEMBERSHIP.c.id).select_from(_JOINED).where(admins, USER.c.id != (but or 0)).limit(1)
    return connection.execute(found).first() is not None


def is_member(connection: Connection, user: User, project: Project) -> bool:
    """Tell whether a person is a member of a project."""
    mine = (MEMBERSHIP.c.user_id == user.id) & (MEMBERSHIP.c.project_id == project.id)
    return connection.execute(select(MEMBERSHIP.c.id).where(mine)).first() is not None


def member_of(connection: Connection, project: Project, user_uuid: str) -> Member:
    """Read a member of a project; raises `NotFound`."""
    which = (MEMBERSHIP.c.project_id == project.id) & (USER.c.uuid == as_public_id(user_uuid)) & NOT_REMOVED
    row = joined(connection, (Membership, User), select(MEMBERSHIP, USER).select_from(_JOINED).where(which), {})
    if row is None:
        raise NotFound("member", user_uuid[:64])
    return Member(*row)


def member_page(connection: Connection, project: Project, wanted: ListFilter, page: Page) -> tuple[list[Member], int]:
    """Read one page of a project's members by their names, and how many there are in all.

    Words stand in the name or the address; `show` is a role.
    """
    which = [MEMBERSHIP.c.project_id == project.id, NOT_REMOVED]
    which += having_words(wanted.words, USER.c.uuid, USER.c.name, USER.c.email)
    which += [MEMBERSHIP.c.role == wanted.show] if wanted.show else []
    total = connection.execute(select(func.count()).select_from(_JOINED).where(*which)).scalar_one()
    chosen = select(MEMBERSHIP, USER).select_from(_JOINED).where(*which)
    in_order = chosen.order_by(func.lower(USER.c.name), USER.c.id).limit(page.size).offset(page.offset)
    return [Member(*row) for row in all_joined(connection, (Membership, User), in_order, {})], total


def projects_of(connection: Connection, user_id: int) -> list[Project]:
    """List the projects of which a person is a member, by their names."""
    mine = select(PROJECT).join(MEMBERSHIP, MEMBERSHIP.c.project_id == PROJECT.c.id)
    in_order = mine.where(MEMBERSHIP.c.user_id == user_id).order_by(PROJECT.c.name, PROJECT.c.id)
    return many(connection, Project, in_order)


def memberships_of(connection: Connection, user_id: int) -> list[tuple[str, str]]:
    """List the public ids of a person's projects, each with their role there."""
    mine = select(PROJECT.c.uuid, MEMBERSHIP.c.role).join(MEMBERSHIP, MEMBERSHIP.c.project_id == PROJECT.c.id)
    rows = connection.execute(mine.where(MEMBERSHIP.c.user_id == user_id).order_by(PROJECT.c.id))
    return [(row.uuid, row.role) for row in rows]


def _locked_member(connection: Connection, project: Project, user_uuid: str) -> Member:
    # Two admins who remove each other at once would leave none.
    lock_project(connection, project)
    return member_of(connection, project, user_uuid)


def _require_another_admin(connection: Connection, project: Project, member: Member) -> None:
    if member.membership.role == ADMIN and not has_admin(connection, project.id, but=member.user.id):
        raise Conflict("last_admin", LAST_ADMIN)


def _end_former_role(connection: Connection, user: User, project: Project, role: str = "") -> None:
    """End a person's sessions in a project, and what they have invited others by unless they still may."""
    mine = (SESSION.c.user_id == user.id) & (SESSION.c.project_id == project.id)
    connection.execute(delete(SESSION).where(mine))
    if role != ADMIN:
        withdraw_made_by(connection, user.uuid, project.id)
