"""Links to a membership and to another password: each works once, and none takes an account over."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection, func, select

from heartbeat.domain.actors import Visit
from heartbeat.domain.errors import Conflict, Forbidden, Invalid, NotFound
from heartbeat.store.audit.recording import ENTRY
from heartbeat.store.database.database import Database
from heartbeat.store.projects.open_invitations import INVITATION
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.users import User
from heartbeat.store.users import invitations, memberships, passwords, sessions, users
from tests.support.seeds import NOW, a_project

VISIT = Visit("::1", "")


def invited_to(connection: Connection, project: Project, email: str, role: str) -> User:
    token = invitations.invite(connection, project, email, role, "Bob", NOW).token
    made = invitations.accept_as_new(connection, token, email.partition("@")[0].title(), "hash", NOW)
    user = users.user_by_id(connection, made.id)
    assert user is not None
    return user


def test_an_invitation_makes_one_account(database: Database) -> None:
    def check(connection: Connection) -> None:
        project = a_project(connection)
        first = invitations.invite(connection, project, "ada@example.com", "viewer", "Bob", NOW)
        token = invitations.invite(connection, project, " Ada@Example.com", "operator", "Bob", NOW).token
        with pytest.raises(Forbidden):
            invitations.open_invitation(connection, first.token, NOW)
        with pytest.raises(Forbidden):
            invitations.open_invitation(connection, token, NOW + invitations.LASTS)
        assert [one.role for one in invitations.invitations(connection, project, NOW)] == ["operator"]
        user = invitations.accept_as_new(connection, token, "Ada", "hash", NOW)
        assert memberships.member_of(connection, project, user.uuid).membership.role == "operator"
        with pytest.raises(Forbidden):
            invitations.accept_as_new(connection, token, "Eve", "hash", NOW)
        assert invitations.invitations(connection, project, NOW) == []

    database.write_now(check)


def test_an_invitation_leaves_an_account_as_it_is(database: Database) -> None:
    def check(connection: Connection) -> None:
        ada = invited_to(connection, a_project(connection), "ada@example.com", "admin")
        eve = invited_to(connection, a_project(connection), "eve@example.com", "admin")
        other = a_project(connection, name="Rival")
        token = invitations.invite(connection, other, "ada@example.com", "viewer", "Eve", NOW).token
        # Both are undone with their transaction, and so the link still works.
        for wrong, refusal in (
            (lambda: invitations.accept_as_new(connection, token, "Eve", "mine", NOW), Conflict),
            (lambda: invitations.accept(connection, token, eve, NOW), Forbidden),
        ):
            undone = connection.begin_nested()
            with pytest.raises(refusal):
                wrong()
            undone.rollback()
        invitations.accept(connection, token, ada, NOW)
        assert users.user_by_id(connection, ada.id) == ada
        assert ada.password_hash == "hash"
        assert len(memberships.projects_of(connection, ada.id)) == 2

    database.write_now(check)


def test_the_last_admin_does_not_become_less_by_an_invitation(database: Database) -> None:
    def check(connection: Connection) -> None:
        project = a_project(connection)
        token = invitations.invite(connection, project, "ada@example.com", "viewer", "Eve", NOW).token
        ada = invited_to(connection, a_project(connection), "ada@example.com", "admin")
        # As a group of an issuer does.
        memberships.set_member(connection, ada, project, "admin", NOW)
        invitations.accept(connection, token, ada, NOW)
        assert memberships.member_of(connection, project, ada.uuid).membership.role == "admin"

    database.write_now(check)


def test_an_invitation_ends_with_the_admin_who_made_it(database: Database) -> None:
    def check(connection: Connection) -> None:
        project, rival = a_project(connection), a_project(connection, name="Rival")
        ada = invited_to(connection, project, "ada@example.com", "admin")
        memberships.set_member(connection, ada, rival, "admin", NOW)
        invited_to(connection, project, "bob@example.com", "admin")
        users.act_as_user(connection, ada)

        def open_in(one: Project) -> list[str]:
            return [row.email for row in invitations.invitations(connection, one, NOW)]

        ways: list[Callable[[], object]] = [
            lambda: memberships.change_role(connection, project, ada.uuid, "editor"),
            lambda: memberships.set_member(connection, ada, project, "viewer", NOW, memberships.GROUP),
            lambda: memberships.dismiss(connection, project, ada.uuid),
        ]
        for number, dismissed in enumerate(ways):
            memberships.set_member(connection, ada, project, "admin", NOW)
            for one in (project, rival):
                invitations.invite(connection, one, "eve@example.com", "viewer", "Ada", NOW)
            token = invitations.invite(connection, project, f"{number}@example.com", "viewer", "Ada", NOW).token
            invitations.accept_as_new(connection, token, "Used", "hash", NOW)
            users.act_as_user(connection, ada)
            dismissed()
            assert (open_in(project), open_in(rival)) == ([], ["eve@example.com"]), number
        memberships.remove_user(connection, ada, NOW, also_last_admin=True)
        assert open_in(rival) == []
        assert connection.execute(select(func.count()).select_from(INVITATION)).scalar_one() == 2 + len(ways)

    database.write_now(check)
    assert database.read_now(_withdrawn) == ["eve@example.com"] * 4


def _withdrawn(connection: Connection) -> list[str]:
    mine = select(ENTRY.c.object_name).where(ENTRY.c.action == "invitation.withdraw")
    return list(connection.execute(mine).scalars())


def test_nobody_is_invited_who_is_a_member(database: Database) -> None:
    def check(connection: Connection) -> None:
        project, other = a_project(connection), a_project(connection, name="Rival")
        invited_to(connection, project, "ada@example.com", "viewer")
        with pytest.raises(Invalid, match="belongs to a member already"):
            invitations.invite(connection, project, "Ada@Example.com", "admin", "Bob", NOW)
        assert invitations.invitations(connection, project, NOW) == []
        invitations.invite(connection, other, "ada@example.com", "admin", "Eve", NOW)

    database.write_now(check)


def test_an_invitation_is_of_its_project(database: Database) -> None:
    def check(connection: Connection) -> None:
        project, other = a_project(connection), a_project(connection, name="Rival")
        made = invitations.invite(connection, project, "ada@example.com", "viewer", "Bob", NOW)
        with pytest.raises(NotFound):
            invitations.withdraw(connection, other, made.row.uuid)
        assert invitations.open_invitation(connection, made.token, NOW).project == project
        invitations.withdraw(connection, project, made.row.uuid)
        with pytest.raises(Forbidden):
            invitations.open_invitation(connection, made.token, NOW)
        for email, role in (("no address", "viewer"), ("ada@example.com", "owner")):
            with pytest.raises(Invalid):
                invitations.invite(connection, project, email, role, "Bob", NOW)

    database.write_now(check)


def test_another_password_ends_all_sessions_and_links(database: Database) -> None:
    def check(connection: Connection) -> None:
        user = users.create_user(connection, "ada@example.com", "Ada", NOW)
        assert user is not None
        former, token = (passwords.new_reset(connection, user, NOW) for _ in range(2))
        session = sessions.begin_session(connection, sessions.SessionOwner(user_id=user.id), VISIT, "", NOW)
        for wrong, at in ((former, NOW), (token, NOW + timedelta(days=1))):
            with pytest.raises(Forbidden):
                passwords.use_reset(connection, wrong, "hash", at)
        assert sessions.open_session(connection, session, NOW) is not None
        changed = passwords.use_reset(connection, token, "hash", NOW)
        assert changed.id == user.id
        assert sessions.open_session(connection, session, NOW) is None
        with pytest.raises(Forbidden):
            passwords.use_reset(connection, token, "hash", NOW)

    database.write_now(check)
