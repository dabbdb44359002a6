"""A code counts once, also for two who send it at the same time; so does a recovery code."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection

from heartbeat.domain.errors import Conflict
from heartbeat.store.audit.recording import ENTRY
from heartbeat.store.database.database import Database
from heartbeat.store.tables.users import User
from heartbeat.store.users import second_factor
from heartbeat.store.users.users import create_user, user_by_email, user_by_id
from tests.support.people import a_member
from tests.support.seeds import NOW, a_project

CODES = ["AAAA-BBBB-CCCC-DDDD", "EEEE-FFFF-GGGG-HHHH"]


@pytest.fixture
def ada(database: Database) -> User:
    """A person with a second factor, whose code of step 7 was used."""

    def make(connection: Connection) -> User | None:
        user = create_user(connection, "ada@example.com", "Ada", NOW)
        assert user is not None
        second_factor.turn_on(connection, user.id, "sealed", 7, CODES)
        return user_by_id(connection, user.id)

    made = database.write_now(make)
    assert made is not None
    return made


def test_a_step_counts_once_and_none_before_it_any_more(database: Database, ada: User) -> None:
    used = [database.write_now(second_factor.use_step, ada, step) for step in (7, 6, 8, 8, 7, 10, 9)]
    assert used == [False, False, True, False, False, True, False]
    other = ada.model_copy(update={"sealed_totp_secret": "of another secret"})
    assert not database.write_now(second_factor.use_step, other, 20)


def test_of_many_with_one_code_one_gets_in(database: Database, ada: User) -> None:
    with ThreadPoolExecutor(4) as threads:
        steps = threads.map(lambda _: database.write_now(second_factor.use_step, ada, 8), range(4))
        assert sorted(steps) == [False, False, False, True]
        codes = threads.map(lambda _: database.write_now(second_factor.use_recovery_code, ada.id, CODES[0]), range(4))
        assert sorted(codes) == [False, False, False, True]
    assert database.write_now(second_factor.use_recovery_code, ada.id, CODES[1].lower())
    assert not database.write_now(second_factor.use_recovery_code, ada.id, CODES[1])


def test_it_is_set_up_once_and_nothing_is_left_when_it_is_off(database: Database, ada: User) -> None:
    with pytest.raises(Conflict):
        database.write_now(second_factor.turn_on, ada.id, "another", 9, CODES)
    assert not {*CODES, *(code.replace("-", "") for code in CODES)} & set(ada.recovery_codes or [])
    database.write_now(second_factor.turn_off, ada.id)
    left = database.read_now(user_by_id, ada.id)
    assert left is not None
    assert (left.sealed_totp_secret, left.totp_counter, left.recovery_codes) == (None, None, None)
    database.write_now(second_factor.turn_on, ada.id, "another", 9, CODES)


def test_turning_it_on_and_off_is_in_the_audit_log(database: Database) -> None:
    def turn(connection: Connection) -> None:
        a_member(connection, a_project(connection), "ada@example.com", "viewer", "Ada")
        user = user_by_email(connection, "ada@example.com")
        assert user is not None
        second_factor.turn_on(connection, user.id, "sealed", 7, CODES)
        for _ in range(2):
            second_factor.turn_off(connection, user.id)

    database.write_now(turn)
    updates = ENTRY.select().where(ENTRY.c.action == "member.update").order_by(ENTRY.c.number)
    entries = database.read_now(lambda c: c.execute(updates).all())
    assert [(entry.object_name, entry.changes["second_factor"]) for entry in entries] == [
        ("ada@example.com (Ada)", ["off", "on"]),
        ("ada@example.com (Ada)", ["on", "off"]),
    ]
