"""Who somebody from an issuer of OpenID Connect is here, and what their groups let them do."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import IntegrityError

from heartbeat.domain.openid_claims import OpenIdPerson
from heartbeat.store.database.rows import many
from heartbeat.store.projects.open_invitations import INVITATION, is_open
from heartbeat.store.projects.projects import PROJECT
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.users import Membership, ProjectInvitation, User
from heartbeat.store.users.memberships import (
    ADMIN,
    GROUP,
    INVITED,
    has_admin,
    projects_of,
    remove_member,
    set_member,
)
from heartbeat.store.users.passwords import hand_to_issuer
from heartbeat.store.users.users import (
    IDENTITY,
    MEMBERSHIP,
    USER,
    act_as_user,
    add_identity,
    create_user,
    lock_user,
    record_user,
    user_by_email,
    user_of_identity,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AdmittedUser:
    """A person who may come in, and the project that they see first."""

    user: User
    project: Project


def admit(connection: Connection, person: OpenIdPerson, roles: Mapping[str, str], now: datetime) -> AdmittedUser | None:
    """Find or make the account of somebody who signed in, and put right what their groups give them.

    `roles` are those of their groups, by the public ids of projects. `None` for who is a member of no project; of
    somebody new nothing is written then.
    """
    given = [(project, roles[project.uuid]) for project in _projects_named(connection, roles)]
    invitations = _open_invitations(connection, person.email, now)
    user = user_of_identity(connection, person.issuer, person.subject) or _linked(connection, person, now)
    if user is None or user.removed_at is not None:
        user = _made(connection, person, user, bool(invitations), bool(given), now)
    if user is None:
        return None
    user = lock_user(connection, user.id)
    act_as_user(connection, user)
    _learn_address(connection, user, person)
    _follow_groups(connection, user, given, now)
    mine = projects_of(connection, user.id)
    if not mine:
        _accept(connection, user, invitations, now)
        mine = projects_of(connection, user.id)
    return AdmittedUser(user, mine[0]) if mine else None


def _linked(connection: Connection, person: OpenIdPerson, now: datetime) -> User | None:
    """Take over the account with a person's verified address, unless its issuer knows another one by it.

    Whoever made it need not have had that address: an invitation is a link that its sender sees, too. So nothing that
    opened it until now opens it any more.
    """
    user = user_by_email(connection, person.email) if person.email else None
    if user is None or _is_of_issuer(connection, user, person.issuer):
        return None
    add_identity(connection, user, person.issuer, person.subject, now)
    act_as_user(connection, user)
    hand_to_issuer(connection, user, person.issuer)
    return user


def _made(
    connection: Connection,
    person: OpenIdPerson,
    removed: User | None,
    is_invited: bool,
    has_group: bool,
    now: datetime,
) -> User | None:
    """Make an account for somebody invited, or new with a group. Groups bring nobody back who was removed."""
    if not is_invited and (not has_group or removed or _was_removed(connection, person.email)):
        return None
    user = create_user(connection, person.email, person.name, now) if person.email else None
    if user is None:
        # Meanwhile they may have signed in elsewhere. An address that is another person's stays theirs.
        user = user_of_identity(connection, person.issuer, person.subject)
        if user is not None:
            return None if user.removed_at else user
        user = create_user(connection, person.key_text, person.name, now)
    if user is None:
        return user_of_identity(connection, person.issuer, person.subject)
    # Whoever an account that was removed was known as before is not who has its address now.
    connection.execute(delete(IDENTITY).where(IDENTITY.c.user_id == user.id))
    add_identity(connection, user, person.issuer, person.subject, now)
    return user


def _was_removed(connection: Connection, email: str | None) -> bool:
    mine = select(USER.c.id).where(USER.c.email == email, USER.c.removed_at.is_not(None))
    return email is not None and connection.execute(mine).first() is not None


def _is_of_issuer(connection: Connection, user: User, issuer: str) -> bool:
    """Whether this issuer knows the account already: an address that it gives to somebody else makes no heir."""
    known = (IDENTITY.c.user_id == user.id) & (IDENTITY.c.issuer == issuer)
    return connection.execute(select(IDENTITY.c.id).where(known)).first() is not None


def _learn_address(connection: Connection, user: User, person: OpenIdPerson) -> None:
    """Give an account that had no address yet the one that is verified by now, if it is nobody else's."""
    if person.email is None or " " not in user.email:
        return
    taken = select(USER.c.id).where(USER.c.email == person.email)
    if connection.execute(taken).first() is not None:
        return
    # Somebody else whom the issuer gives the same address may come in at this moment.
    with suppress(IntegrityError), connection.begin_nested():
        connection.execute(update(USER).where(USER.c.id == user.id).values(email=person.email))
        record_user(connection, user, "member.update", {"email": [user.email, person.email]})


def _follow_groups(connection: Connection, user: User, given: list[tuple[Project, str]], now: datetime) -> None:
    """Make the memberships that groups gave those that they give now; those that somebody gave stay as they are."""
    rows = many(connection, Membership, select(MEMBERSHIP).where(MEMBERSHIP.c.user_id == user.id))
    invited = {row.project_id for row in rows if row.source != GROUP}
    former = {row.project_id: row.role for row in rows if row.source == GROUP}
    for project, role in given:
        if project.id not in invited and former.pop(project.id, None) != role:
            set_member(connection, user, project, role, now, GROUP)
    for project in many(connection, Project, select(PROJECT).where(PROJECT.c.id.in_(list(former)))):
        remove_member(connection, user, project)
    led = [row.project_id for row in rows if row.source == GROUP and row.role == ADMIN]
    for project in many(connection, Project, select(PROJECT).where(PROJECT.c.id.in_(led))):
        if not has_admin(connection, project.id):
            # Whoever rules over the groups has said so; what is left to do is the operator's.
            log.warning("project %s has no admin any more, by the groups of %s; invite one", project.uuid, user.uuid)


def _accept(connection: Connection, user: User, invitations: list[ProjectInvitation], now: datetime) -> None:
    for invitation in invitations:
        [project] = many(connection, Project, select(PROJECT).where(PROJECT.c.id == invitation.project_id))
        set_member(connection, user, project, invitation.role, now, INVITED)
        connection.execute(update(INVITATION).where(INVITATION.c.id == invitation.id).values(used_at=now))


def _projects_named(connection: Connection, uuids: Mapping[str, str]) -> list[Project]:
    return many(connection, Project, select(PROJECT).where(PROJECT.c.uuid.in_(list(uuids))))


def _open_invitations(connection: Connection, email: str | None, now: datetime) -> list[ProjectInvitation]:
    if email is None:
        return []
    mine = select(INVITATION).where(INVITATION.c.email == email, is_open(now)).order_by(INVITATION.c.id)
    return many(connection, ProjectInvitation, mine)
