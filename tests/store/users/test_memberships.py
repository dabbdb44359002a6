"""People and their roles: who is found, who stays, and that a project keeps an admin."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from heartbeat.domain.actors import Visit
from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.store.audit.recording import ENTRY
from heartbeat.store.database.database import Database
from heartbeat.store.database.pages import ListFilter, Page
from heartbeat.store.retention.aged import prune_aged
from heartbeat.store.retention.rules import YEAR
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.users import User, UserIdentity
from heartbeat.store.users import memberships, sessions, users
from tests.support.seeds import NOW, a_project

VISIT = Visit("::1", "")


def a_user(connection: Connection, email: str = "ada@example.com", name: str = "Ada") -> User:
    user = users.create_user(connection, email, name, NOW)
    assert user is not None
    return user


def a_member(connection: Connection, project: Project, email: str, role: str) -> User:
    user = a_user(connection, email, email.partition("@")[0].title())
    memberships.set_member(connection, user, project, role, NOW)
    return user


def test_an_address_is_one_however_it_is_written(database: Database) -> None:
    def check(connection: Connection) -> None:
        user = a_user(connection, " Ada@Example.COM ")
        assert user.email == "ada@example.com"
        assert users.create_user(connection, "ADA@example.com", "Eve", NOW) is None
        assert users.user_by_email(connection, "aDa@example.com") == user

    database.write_now(check)


def test_who_was_removed_is_nobody_until_they_are_invited_again(database: Database) -> None:
    def check(connection: Connection) -> None:
        project = a_project(connection)
        user = a_member(connection, project, "ada@example.com", "admin")
        users.add_identity(connection, user, "https://id.example", "7", NOW)
        owner = sessions.SessionOwner(user_id=user.id, project_id=project.id)
        token = sessions.begin_session(connection, owner, VISIT, "", NOW)
        with pytest.raises(Conflict):
            memberships.remove_user(connection, user, NOW)
        a_member(connection, project, "bob@example.com", "admin")
        memberships.remove_user(connection, user, NOW)
        assert sessions.open_session(connection, token, NOW) is None
        assert users.user_by_email(connection, user.email) is None
        assert memberships.projects_of(connection, user.id) == []
        known = users.user_of_identity(connection, "https://id.example", "7")
        assert known is not None
        assert known.removed_at == NOW
        again = a_user(connection)
        assert (again.id, again.removed_at, again.password_hash) == (user.id, None, None)

    database.write_now(check)


def test_a_removed_person_is_forgotten_after_a_year(database: Database) -> None:
    def check(connection: Connection) -> None:
        user, kept = a_user(connection), a_user(connection, "bob@example.com")
        for one in (user, kept):
            users.add_identity(connection, one, "https://id.example", one.uuid, NOW)
        memberships.remove_user(connection, user, NOW)
        later = NOW + YEAR + timedelta(seconds=1)
        assert prune_aged(connection, User, later) == 0
        assert prune_aged(connection, UserIdentity, later) == 1
        assert prune_aged(connection, User, later) == 1
        assert connection.execute(select(users.USER.c.id)).scalars().all() == [kept.id]

    database.write_now(check)


def test_a_session_opens_what_the_person_may_do_now(database: Database) -> None:
    def check(connection: Connection) -> None:
        project, other = a_project(connection), a_project(connection, name="Rival")
        user = a_member(connection, project, "ada@example.com", "admin")
        a_member(connection, project, "bob@example.com", "admin")

        def begin() -> str:
            owner = sessions.SessionOwner(user_id=user.id, project_id=project.id)
            return sessions.begin_session(connection, owner, VISIT, "", NOW)

        token = begin()
        opened = sessions.open_session(connection, token, NOW)
        assert opened is not None
        assert (opened.project, opened.key) == (project, None)
        assert opened.user is not None
        assert (opened.user.name, opened.user.role) == ("Ada", "admin")
        sessions.choose_project(connection, opened.session.uuid, other.id)
        elsewhere = sessions.open_session(connection, token, NOW)
        assert elsewhere is not None
        assert elsewhere.project is None, "a session opens what its person is no member of"
        sessions.choose_project(connection, opened.session.uuid, project.id)
        memberships.change_role(connection, project, user.uuid, "viewer")
        assert sessions.open_session(connection, token, NOW) is None, "a session outlives a change of role"
        token = begin()
        memberships.dismiss(connection, project, user.uuid)
        assert sessions.open_session(connection, token, NOW) is None

    database.write_now(check)


def test_the_last_admin_stays_one(database: Database) -> None:
    def check(connection: Connection) -> None:
        project, other = a_project(connection), a_project(connection, name="Rival")
        ada = a_member(connection, project, "ada@example.com", "admin")
        a_member(connection, project, "bob@example.com", "editor")
        a_member(connection, other, "eve@example.com", "admin")
        with pytest.raises(Conflict):
            memberships.change_role(connection, project, ada.uuid, "editor")
        with pytest.raises(Conflict):
            memberships.dismiss(connection, project, ada.uuid)
        with pytest.raises(NotFound):
            memberships.dismiss(connection, other, ada.uuid)
        memberships.change_role(connection, project, ada.uuid, "admin")
        members, total = memberships.member_page(connection, project, ListFilter(), Page(1, 10))
        assert ([(one.user.name, one.membership.role) for one in members], total) == (
            [("Ada", "admin"), ("Bob", "editor")],
            2,
        )

    database.write_now(check)


def test_who_was_removed_already_is_removed_once(database: Database) -> None:
    def removed(connection: Connection) -> User:
        project = a_project(connection)
        bob = a_member(connection, project, "bob@example.com", "viewer")
        for _ in range(2):
            memberships.remove_member(connection, bob, project)
        return bob

    bob = database.write_now(removed)
    recorded = select(ENTRY.c.action).where(ENTRY.c.object_id == bob.uuid, ENTRY.c.action == "member.remove")
    assert database.read_now(lambda c: len(c.execute(recorded).all())) == 1
