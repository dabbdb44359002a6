"""Messages in pages and counted: by marks, and the same as if all had been looked through each time."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import count, product
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, text, update

from heartbeat.store.database import list_marks
from heartbeat.store.database.database import Database
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import columns
from heartbeat.store.notifications.messages import fill_kinds, notifications
from heartbeat.store.projects.access import Access
from heartbeat.store.retention.logs import remove_events
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Notification, RemovedMessages, Target
from tests.support.pending_rows import a_message, a_target
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, access_to
from tests.support.statements import statements

EVENT, NOTIFICATION, TARGET = columns(Event), columns(Notification), columns(Target)
SIZE = 4
KINDS, STATUSES = ("run.failed", "run.finding"), ("pending", "held", "delivered", "delivered", "failed")
# A message a minute: none that is still to be committed is older than those of some seconds ago.
MINUTES = (NOW + number * timedelta(minutes=1) for number in count())

Seeds = tuple[Access, Access, list[Heartbeat], list[Target]]


@pytest.fixture(autouse=True)
def marks_every_third(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_marks, "EVERY", 3)


@pytest.fixture
def seeds(database: Database) -> Seeds:
    """Who may see a project, and one of its two bots; their heartbeats, and two targets."""

    def seed(connection: Connection) -> Seeds:
        project = a_project(connection)
        bots = [a_bot(connection, project) for _ in range(2)]
        heartbeats = [a_heartbeat(connection, bot) for bot in bots]
        targets = [a_target(connection, heartbeats[0]) for _ in range(2)]
        # Another project's are never among them.
        stranger = a_heartbeat(connection, a_bot(connection, a_project(connection)))
        a_message(connection, stranger, a_target(connection, stranger))
        of_bot = access_to(connection, bots[0])
        return Access(of_bot.project, of_bot.plan), of_bot, heartbeats, targets

    return database.write_now(seed)


def go_on(connection: Connection, seeds: Seeds, random: Random) -> None:
    """Some messages arrive, more are to be sent, the version before writes one, and of the oldest some are removed."""
    _, _, heartbeats, targets = seeds
    for row in connection.execute(NOTIFICATION.select().where(NOTIFICATION.c.status.in_(("pending", "held")))).all():
        if random.random() < 0.6:
            changed = {"status": random.choice(("delivered", "failed"))}
            connection.execute(update(NOTIFICATION).where(NOTIFICATION.c.id == row.id).values(changed))
    for _ in range(random.randrange(8, 20)):
        own = {"kind": random.choice(KINDS), "status": random.choice(STATUSES), "created_at": next(MINUTES)}
        a_message(connection, random.choice(heartbeats), random.choice(targets), **own)
    ended = NOTIFICATION.c.status.in_(("delivered", "failed"))
    oldest = list(
        connection.execute(select(NOTIFICATION.c.event_id).where(ended).order_by(NOTIFICATION.c.id)).scalars()
    )
    gone = [event_id for event_id in oldest[: len(oldest) // 4] if random.random() < 0.6]
    remove_events(connection, EVENT.c.id.in_(gone))


def of_version_before(connection: Connection, seeds: Seeds) -> None:
    message = a_message(connection, seeds[2][0], seeds[3][0], created_at=next(MINUTES))
    connection.execute(update(NOTIFICATION).where(NOTIFICATION.c.id == message.id).values(kind=None))


def expected(connection: Connection, access: Access, equal: Mapping[str, Any]) -> list[str]:
    rows = connection.execute(
        select(NOTIFICATION.c.uuid, NOTIFICATION.c.status, EVENT.c.kind, TARGET.c.uuid.label("target"))
        .join(EVENT, EVENT.c.id == NOTIFICATION.c.event_id)
        .join(TARGET, TARGET.c.id == NOTIFICATION.c.target_id)
        .where(NOTIFICATION.c.project_id == access.project.id)
        .where(NOTIFICATION.c.bot_id == access.named_bot.id if access.named_bot else text("true"))
        .order_by(NOTIFICATION.c.id.desc())
    )
    return [row.uuid for row in rows if all(getattr(row, name) == value for name, value in equal.items())]


def listed(connection: Connection, access: Access, equal: Mapping[str, Any], number: int) -> tuple[list[str], int]:
    rows, total = notifications(connection, access, equal, Page(number, SIZE))
    return [row.notification.uuid for row in rows], total


def test_every_page_and_total_is_what_looking_through_all_would_find(database: Database, seeds: Seeds) -> None:
    random = Random(14)
    filters = product((None, "delivered", "failed", "pending"), (None, *KINDS), (None, seeds[3][0].uuid))
    names = ("status", "kind", "target")
    lists = [{name: value for name, value in zip(names, one, strict=True) if value} for one in filters]
    for turn in range(4):
        database.write_now(go_on, seeds, random)
        if turn == 1:
            database.write_now(of_version_before, seeds)
        elif turn == 2:
            assert (database.write_now(fill_kinds), database.write_now(fill_kinds)) == (1, 0)
        for access, equal in product(seeds[:2], lists):
            whole = database.read_now(expected, access, equal)
            numbers = [1 + len(whole) // SIZE, 1, random.randrange(1, 2 + len(whole) // SIZE)]
            for number in numbers:
                page = whole[(number - 1) * SIZE : number * SIZE], len(whole)
                assert database.read_now(listed, access, equal, number) == page, (turn, equal, number)


def test_of_all_messages_only_new_ones_are_counted(database: Database, seeds: Seeds) -> None:
    """However many there are: beside those that came since, the last page passes over few."""

    def some(connection: Connection, number: int) -> None:
        for _ in range(number):
            a_message(connection, seeds[2][0], seeds[3][0], created_at=next(MINUTES))

    database.write_now(some, 40)
    assert database.read_now(listed, seeds[0], {}, 10)[1] == 40
    database.write_now(some, 2)
    with statements(database._engine) as sent:
        assert database.read_now(listed, seeds[0], {}, 10)[1] == 42
    assert [statement for statement in sent if "row_number" in statement] == []
    assert max(statement.count("count(") for statement in sent) == 1


def test_whoever_removes_messages_has_them_counted(database: Database, seeds: Seeds) -> None:
    """A worker of the version before knows nothing of it, and some part may delete rows of its own."""
    removed = columns(RemovedMessages)

    def remove(connection: Connection) -> None:
        for number in (1, 3):
            ids = [a_message(connection, seeds[2][0], seeds[3][0]).id for _ in range(number)]
            connection.execute(delete(NOTIFICATION).where(NOTIFICATION.c.id.in_(ids)))

    database.write_now(remove)
    rows = database.read_now(lambda c: c.execute(select(removed.c.project_id, removed.c.count)).all())
    assert [tuple(row) for row in rows] == [(seeds[0].project.id, 4)]
