"""Two transactions at the same moment on PostgreSQL: both come to an end, and nothing is done twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, create_engine, select

from heartbeat.domain.cadence.tasks import TaskSchedule
from heartbeat.domain.errors import Forbidden
from heartbeat.domain.openid_claims import OpenIdPerson
from heartbeat.domain.tool_effects import ScheduleTaskEffect
from heartbeat.domain.tool_risks import REGISTERED
from heartbeat.store.bots.subscribers import create_subscriber, delete_subscriber
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.heartbeats import delete_heartbeat, disable, enable, lock_bot
from heartbeat.store.heartbeats.task_effects import schedule_task
from heartbeat.store.runs.approvals import ask, decide
from heartbeat.store.runs.opening import open_run
from heartbeat.store.runs.tool_calls import CallReceipt
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Approval, Run
from heartbeat.store.users.openid import AdmittedUser, admit
from heartbeat.store.users.users import USER
from tests.support.databases import waiting
from tests.support.patience import PATIENCE, wait_until
from tests.support.pending_rows import a_call, an_approval
from tests.support.runs import LIMITS, by_hand, opened_run, scheduled
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, access_to

S = TypeVar("S")
T = TypeVar("T")
TICK = NOW + timedelta(minutes=1)

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def bot(database: Database) -> Bot:
    return database.write_now(lambda c: a_bot(c, a_project(c)))


@pytest.fixture
def heartbeat(database: Database, bot: Bot) -> Heartbeat:
    return database.write_now(lambda c: a_heartbeat(c, bot))


def side_by_side(
    database: Database,
    begin: Callable[[Connection], Any],
    other: Callable[[Connection], T],
    end: Callable[[Connection], S],
) -> tuple[S, T]:
    """One transaction begins, `other` runs until it waits for the first, the first ends and commits."""
    engine = create_engine(database.url)
    with closing(engine.connect()) as first, ThreadPoolExecutor(1) as thread:
        begin(first)
        second = thread.submit(database.write_now, other)
        wait_until(lambda: waiting(database))
        ended = end(first)
        first.commit()
        answer = second.result(PATIENCE)
    engine.dispose()
    return ended, answer


def logs(database: Database) -> list[tuple[str, str | None]]:
    table = columns(Run)
    return database.read_now(lambda c: [tuple(row) for row in c.execute(select(table.c.status, table.c.skip_reason))])


@pytest.mark.parametrize("claimed", [by_hand, scheduled])
def test_an_attempt_beside_one_that_was_given_up_goes_on_with_its_run(
    database: Database, heartbeat: Heartbeat, claimed: Callable[[Heartbeat], Any]
) -> None:
    """A local activity that takes too long is tried again while its first transaction still goes on."""
    claim = claimed(heartbeat)
    begun: list[Any] = []
    _, again = side_by_side(
        database,
        lambda c: begun.append(open_run(c, claim, LIMITS, NOW)),
        lambda c: open_run(c, claim, LIMITS, NOW),
        lambda c: None,
    )
    assert again.run is not None, again.reason
    assert (again.run.uuid, again.run.status) == (begun[0].run.uuid, "running")
    assert logs(database) == [("running", None)]
    # The second one had reserved, too, and gave it back.
    assert database.read_now(audit) == []


def test_switching_off_waits_for_a_tick_that_is_being_opened(
    database: Database, bot: Bot, heartbeat: Heartbeat
) -> None:
    """Both would log the tick and move the heartbeat on: whichever did one of it first would wait for the other."""
    database.write_now(
        lambda c: c.execute(columns(Heartbeat).update().values(cron_pattern="* * * * *", accounted_until=NOW))
    )
    late = TICK + timedelta(seconds=1)
    opening, off = side_by_side(
        database,
        lambda c: c.execute(select(columns(Heartbeat)).with_for_update(key_share=True)),
        lambda c: disable(c, access_to(c, bot, heartbeat), late),
        lambda c: open_run(c, scheduled(heartbeat, TICK), LIMITS, late),
    )
    assert opening.run is not None
    assert (opening.run.status, off.enabled, off.accounted_until) == ("running", False, late)
    assert logs(database) == [("running", None)]


def test_a_member_that_is_deleted_while_it_is_given_a_heartbeat_takes_it_along(database: Database, bot: Bot) -> None:
    """`configure` holds the bot while it looks its member up and writes."""
    anna = database.write_now(lambda c: create_subscriber(c, access_to(c, bot), None, "Anna", NOW))
    heartbeat, gone = side_by_side(
        database,
        lambda c: lock_bot(c, bot),
        lambda c: delete_subscriber(c, access_to(c, bot), anna.uuid, TICK),
        lambda c: a_heartbeat(c, bot, member_id=anna.id),
    )
    assert gone == [heartbeat.uuid]


def test_what_is_deleted_while_it_is_enabled_stays_off(database: Database, bot: Bot, heartbeat: Heartbeat) -> None:
    table = columns(Heartbeat)
    database.write_now(lambda c: c.execute(table.update().values(enabled=False)))
    on, gone = side_by_side(
        database,
        lambda c: lock_bot(c, bot),
        lambda c: delete_heartbeat(c, access_to(c, bot, heartbeat), TICK),
        lambda c: enable(c, access_to(c, bot, heartbeat), NOW),
    )
    assert (on.enabled, gone) == (True, [heartbeat.uuid])
    assert database.read_now(lambda c: c.execute(select(table.c.enabled, table.c.deleted_at)).one()) == (False, TICK)


def asked(connection: Connection, run: Run) -> str:
    receipt = CallReceipt(a_call(connection, run), run, "asked")
    return ask(connection, receipt, REGISTERED, TICK).state


def approval_states(database: Database) -> list[str]:
    return database.read_now(lambda c: list(c.execute(select(columns(Approval).c.state)).scalars()))


def test_nobody_is_asked_for_what_is_deleted_meanwhile(database: Database, bot: Bot, heartbeat: Heartbeat) -> None:
    run = opened_run(database, by_hand(heartbeat))
    _, said = side_by_side(
        database,
        lambda c: delete_heartbeat(c, access_to(c, bot, heartbeat), TICK),
        lambda c: asked(c, run),
        lambda c: None,
    )
    assert (said, approval_states(database)) == ("denied", ["denied"])


def test_what_is_asked_while_the_heartbeat_is_deleted_is_denied(
    database: Database, bot: Bot, heartbeat: Heartbeat
) -> None:
    run = opened_run(database, by_hand(heartbeat))
    said: list[str] = []
    side_by_side(
        database,
        lambda c: said.append(asked(c, run)),
        lambda c: delete_heartbeat(c, access_to(c, bot, heartbeat), TICK),
        lambda c: None,
    )
    assert (said, approval_states(database)) == (["pending"], ["denied"])


def test_a_yes_and_a_deletion_at_the_same_moment_are_one_of_both(
    database: Database, bot: Bot, heartbeat: Heartbeat
) -> None:
    run = opened_run(database, by_hand(heartbeat))
    uuid = database.write_now(lambda c: an_approval(c, run).uuid)
    side_by_side(
        database,
        lambda c: decide(c, uuid, "approved", "Ada", NOW),
        lambda c: delete_heartbeat(c, access_to(c, bot, heartbeat), TICK),
        lambda c: None,
    )
    assert approval_states(database) == ["approved"]


def test_two_people_to_whom_an_issuer_gives_one_address_both_come_in(database: Database, bot: Bot) -> None:
    roles = {database.read_now(lambda c: c.execute(select(columns(Project).c.uuid)).scalar_one()): "viewer"}
    ada, eve = (OpenIdPerson("https://login.example.com", name, None, name) for name in ("ada", "eve"))

    def comes(person: OpenIdPerson) -> Callable[[Connection], AdmittedUser | None]:
        return lambda connection: admit(connection, person, roles, NOW)

    for person in (ada, eve):
        database.write_now(comes(person))
    first, second = (comes(replace(person, email="team@example.com")) for person in (ada, eve))
    _, admitted = side_by_side(database, first, second, lambda c: None)
    emails = database.read_now(lambda c: set(c.execute(select(USER.c.email)).scalars()))
    assert (admitted is not None, emails) == (True, {"team@example.com", eve.key_text})


def test_an_agent_schedules_nothing_for_what_is_deleted_meanwhile(
    database: Database, bot: Bot, heartbeat: Heartbeat
) -> None:
    run = Run.model_construct(id=1, bot_id=bot.id, heartbeat_id=heartbeat.id)  # type: ignore[call-arg]
    effect = ScheduleTaskEffect("Look again", "Look.", TaskSchedule("daily", {"time": "09:00"}), None, None, None)

    def schedule(connection: Connection) -> str:
        with pytest.raises(Forbidden) as refused:
            schedule_task(connection, run, effect, {}, TICK)
        return refused.value.code

    gone, code = side_by_side(
        database, lambda c: lock_bot(c, bot), schedule, lambda c: delete_heartbeat(c, access_to(c, bot, heartbeat), NOW)
    )
    assert (gone, code) == ([heartbeat.uuid], "heartbeat_deleted")
