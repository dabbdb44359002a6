"""Who somebody from an issuer is here: one account each, nobody else's, and no more than their groups give."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select, update

from heartbeat.domain.actors import Visit
from heartbeat.domain.openid_claims import OpenIdPerson
from heartbeat.store.audit.recording import ENTRY
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import many
from heartbeat.store.projects.open_invitations import INVITATION
from heartbeat.store.tables.audit import AuditEntry
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.users import Membership, User
from heartbeat.store.users import memberships, sessions, users
from heartbeat.store.users.openid import admit
from heartbeat.store.users.users import MEMBERSHIP, USER
from tests.support.seeds import NOW, a_project

ISSUER = "https://login.example.com"
ADA = OpenIdPerson(ISSUER, "ada-1", "ada@example.com", "Ada")
UNVERIFIED = replace(ADA, email=None)


def an_invitation(connection: Connection, project: Project) -> None:
    row = {"uuid": f"inv_{project.id}", "project_id": project.id, "email": "ada@example.com", "role": "editor"}
    row["hash"] = f"hash of {project.id}"
    times = {"invited_by": "Grace", "created_at": NOW, "expires_at": NOW + timedelta(days=7)}
    connection.execute(INVITATION.insert().values(**row, **times))


def a_user_with_a_password(connection: Connection, project: Project) -> User:
    user = users.create_user(connection, "ada@example.com", "Somebody", NOW)
    assert user is not None
    memberships.set_member(connection, user, project, "viewer", NOW)
    secret = {"password_hash": "$argon2id$…", "sealed_totp_secret": "v1.…", "recovery_codes": ["x"]}
    connection.execute(update(USER).where(USER.c.id == user.id).values(secret))
    return user


def entries(connection: Connection) -> list[AuditEntry]:
    return many(connection, AuditEntry, select(ENTRY))


def roles_of(connection: Connection, user: User) -> dict[int, tuple[str, str]]:
    rows = many(connection, Membership, select(MEMBERSHIP).where(MEMBERSHIP.c.user_id == user.id))
    return {row.project_id: (row.role, row.source) for row in rows}


def all_users(connection: Connection) -> list[User]:
    return many(connection, User, select(USER).order_by(USER.c.id))


def test_groups_give_and_take_what_they_gave_and_nothing_else(database: Database) -> None:
    def check(connection: Connection) -> None:
        one, two, three = (a_project(connection, name=name) for name in ("One", "Two", "Three"))
        admitted = admit(connection, ADA, {one.uuid: "viewer", two.uuid: "admin", "gone": "admin"}, NOW)
        assert admitted is not None
        user = admitted.user
        assert roles_of(connection, user) == {one.id: ("viewer", "group"), two.id: ("admin", "group")}
        memberships.set_member(connection, user, three, "editor", NOW)
        admit(connection, ADA, {one.uuid: "operator", three.uuid: "admin"}, NOW)
        assert roles_of(connection, user) == {one.id: ("operator", "group"), three.id: ("editor", "invited")}
        admit(connection, ADA, {}, NOW)
        assert roles_of(connection, user) == {three.id: ("editor", "invited")}
        memberships.remove_member(connection, user, three)
        assert admit(connection, ADA, {}, NOW) is None

    database.write_now(check)


def test_a_group_takes_also_the_last_admin_and_the_log_says_so(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def check(connection: Connection) -> None:
        led, lost = a_project(connection, name="Led"), a_project(connection, name="Lost")
        admit(connection, ADA, {led.uuid: "admin", lost.uuid: "admin"}, NOW)
        bob = users.create_user(connection, "bob@example.com", "Bob", NOW)
        assert bob is not None
        memberships.set_member(connection, bob, led, "admin", NOW)
        admit(connection, ADA, {lost.uuid: "viewer"}, NOW)
        assert [record.args[0] for record in caplog.records if record.args] == [lost.uuid]

    database.write_now(check)


def test_a_session_of_another_role_is_over(database: Database) -> None:
    def check(connection: Connection) -> None:
        project = a_project(connection)
        admitted = admit(connection, ADA, {project.uuid: "admin"}, NOW)
        assert admitted is not None
        owner = sessions.SessionOwner(user_id=admitted.user.id, project_id=project.id)
        token = sessions.begin_session(connection, owner, Visit("::1", ""), "", NOW)
        admit(connection, ADA, {project.uuid: "admin"}, NOW)
        assert sessions.open_session(connection, token, NOW) is not None
        admit(connection, ADA, {project.uuid: "viewer"}, NOW)
        assert sessions.open_session(connection, token, NOW) is None

    database.write_now(check)


def test_of_a_stranger_nothing_is_written(database: Database) -> None:
    def check(connection: Connection) -> None:
        assert admit(connection, ADA, {}, NOW) is None
        assert admit(connection, ADA, {"gone": "admin"}, NOW) is None
        assert all_users(connection) == []

    database.write_now(check)


def test_a_verified_address_takes_up_its_invitations_and_no_other_does(database: Database) -> None:
    def check(connection: Connection) -> None:
        project = a_project(connection)
        an_invitation(connection, project)
        assert admit(connection, UNVERIFIED, {}, NOW) is None
        assert admit(connection, replace(ADA, email="grace@example.com"), {}, NOW) is None
        assert admit(connection, ADA, {}, NOW + timedelta(days=8)) is None
        admitted = admit(connection, ADA, {}, NOW)
        assert admitted is not None
        assert roles_of(connection, admitted.user) == {project.id: ("editor", "invited")}
        # It is used: who is removed from the project does not come back with it.
        memberships.remove_member(connection, admitted.user, project)
        assert admit(connection, ADA, {}, NOW) is None

    database.write_now(check)


def test_what_opened_an_account_before_its_address_was_proven_opens_it_no_more(database: Database) -> None:
    def check(connection: Connection) -> None:
        project = a_project(connection)
        user = a_user_with_a_password(connection, project)
        owner = sessions.SessionOwner(user_id=user.id, project_id=project.id)
        token = sessions.begin_session(connection, owner, Visit("::1", ""), "", NOW)
        assert admit(connection, UNVERIFIED, {}, NOW) is None
        assert sessions.open_session(connection, token, NOW) is not None
        admitted = admit(connection, ADA, {}, NOW)
        assert admitted is not None
        mine = admitted.user
        assert mine.id == user.id
        assert (mine.password_hash, mine.sealed_totp_secret, mine.recovery_codes) == (None, None, None)
        assert sessions.open_session(connection, token, NOW) is None

    database.write_now(check)
    [taken_over] = [entry for entry in database.read_now(entries) if entry.action == "member.update"]
    assert (taken_over.actor_kind, taken_over.actor_email) == ("user", "ada@example.com")
    lost = {"password": "changed", "second_factor": ["on", "off"]}
    assert taken_over.changes == {"issuer": [None, ISSUER], **lost}


def test_an_address_that_the_issuer_gives_to_somebody_else_makes_no_heir(database: Database) -> None:
    def check(connection: Connection) -> None:
        project = a_project(connection)
        ada = admit(connection, ADA, {project.uuid: "admin"}, NOW)
        assert ada is not None
        assert admit(connection, replace(ADA, subject="ada-2"), {}, NOW) is None
        heir = admit(connection, replace(ADA, subject="ada-2"), {project.uuid: "viewer"}, NOW)
        assert heir is not None
        assert heir.user.id != ada.user.id
        assert (heir.user.email, ada.user.email) == (f"ada-2 at {ISSUER}", "ada@example.com")

    database.write_now(check)


def test_an_address_that_is_not_verified_is_not_kept_from_its_owner(database: Database) -> None:
    def check(connection: Connection) -> None:
        project = a_project(connection)
        eve = admit(connection, UNVERIFIED, {project.uuid: "viewer"}, NOW)
        assert eve is not None
        assert eve.user.email == f"ada-1 at {ISSUER}"
        other = admit(connection, replace(UNVERIFIED, subject="Ada-1"), {project.uuid: "viewer"}, NOW)
        assert other is not None
        assert other.user.id != eve.user.id
        admit(connection, ADA, {project.uuid: "viewer"}, NOW)
        learned = users.user_by_email(connection, "ada@example.com")
        assert learned is not None
        assert learned.id == eve.user.id

    database.write_now(check)
    [learned] = [entry for entry in database.read_now(entries) if entry.action == "member.update"]
    assert learned.changes == {"email": [f"ada-1 at {ISSUER}", "ada@example.com"]}


def test_groups_bring_nobody_back_who_was_removed(database: Database) -> None:
    def check(connection: Connection) -> None:
        project = a_project(connection)
        ada = admit(connection, ADA, {project.uuid: "admin"}, NOW)
        assert ada is not None
        memberships.remove_user(connection, ada.user, NOW, also_last_admin=True)
        for person in (ADA, replace(ADA, subject="ada-2")):
            assert admit(connection, person, {project.uuid: "admin"}, NOW) is None
        an_invitation(connection, project)
        again = admit(connection, ADA, {}, NOW)
        assert again is not None
        assert roles_of(connection, again.user) == {project.id: ("editor", "invited")}

    database.write_now(check)
