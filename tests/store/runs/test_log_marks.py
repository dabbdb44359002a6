"""Pages far back in a list of logs are found by marks, and are the same as if all before them had been counted."""

from datetime import timedelta
from itertools import count, product
from random import Random

import pytest
from sqlalchemy import Connection, update

from heartbeat.store.database import list_marks
from heartbeat.store.database.database import Database
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import columns
from heartbeat.store.retention.logs import remove_runs
from heartbeat.store.runs.logs import EXECUTED, LogFilter, executed_logs, logs
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from tests.support.past_runs import a_run
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, heartbeat_row
from tests.support.statements import statements_with_parameters

RUN, HEARTBEAT = columns(Run), columns(Heartbeat)
SIZE = 4
STATUSES = ("success", "success", "error", "skipped", "running")
# A run a minute: none that is still to be committed is older than those of some seconds ago.
MINUTES = (NOW + number * timedelta(minutes=1) for number in count())


@pytest.fixture
def marks_every_third(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_marks, "EVERY", 3)


@pytest.fixture
def heartbeats(database: Database) -> list[Heartbeat]:
    def seed(connection: Connection) -> list[Heartbeat]:
        bot = a_bot(connection, a_project(connection))
        return [a_heartbeat(connection, bot) for _ in range(2)]

    return database.write_now(seed)


def go_on(connection: Connection, heartbeats: list[Heartbeat], random: Random) -> None:
    """Some runs begin, those of before go on or end, there is a rehearsal, and of the oldest logs a few are kept."""
    for run in connection.execute(RUN.select().where(RUN.c.status == "running")).all():
        if random.random() < 0.6:
            connection.execute(update(RUN).where(RUN.c.id == run.id).values(status="error"))
            more = HEARTBEAT.c.total_error_count + 1
            mine = HEARTBEAT.c.id == run.heartbeat_id
            connection.execute(update(HEARTBEAT).where(mine).values(total_error_count=more))
    for _ in range(random.randrange(2, 12)):
        a_run(connection, random.choice(heartbeats), random.choice(STATUSES), created_at=next(MINUTES))
    a_run(connection, heartbeats[0], "running", dry_run=True, created_at=next(MINUTES))
    ended = RUN.select().where(RUN.c.status != "running", RUN.c.dry_run.is_(False)).order_by(RUN.c.id)
    oldest = [run.id for run in connection.execute(ended)]
    remove_runs(connection, [run_id for run_id in oldest[: len(oldest) // 3] if random.random() < 0.6])


def expected(connection: Connection, wanted: LogFilter) -> list[str]:
    rows = connection.execute(RUN.select().order_by(RUN.c.id.desc()))
    wanted_by = {"heartbeat_id": wanted.heartbeat_id, "status": wanted.status}
    of_list = [row for row in rows if row.status != "running" and not row.dry_run]
    return [row.uuid for row in of_list if all(v is None or getattr(row, k) == v for k, v in wanted_by.items())]


def uuids(connection: Connection, wanted: LogFilter, number: int) -> list[str]:
    return [row.uuid for row in logs(connection, wanted, Page(number, SIZE))[0]]


@pytest.mark.usefixtures("marks_every_third")
def test_every_page_is_what_counting_would_find(database: Database, heartbeats: list[Heartbeat]) -> None:
    random = Random(14)
    lists = [
        LogFilter(heartbeats[0].bot_id, heartbeat_id, status=status)
        for heartbeat_id, status in product((None, heartbeats[0].id), (None, "error"))
    ]
    for _ in range(5):
        database.write_now(go_on, heartbeats, random)
        for wanted in lists:
            whole = database.read_now(expected, wanted)
            numbers = [*range(1, 2 + len(whole) // SIZE)]
            random.shuffle(numbers)
            for number in numbers:
                assert database.read_now(uuids, wanted, number) == whole[(number - 1) * SIZE : number * SIZE], number
    executed = [uuid for uuid in database.read_now(expected, lists[2]) if uuid in database.read_now(not_skipped)]
    row = database.read_now(lambda c: heartbeat_row(c, heartbeats[0].uuid))
    pages = [database.read_now(executed_logs, row, Page(n, SIZE))[0] for n in range(len(executed) // SIZE + 1, 0, -1)]
    assert [run.uuid for page in reversed(pages) for run in page] == executed


def not_skipped(connection: Connection) -> set[str]:
    return {row.uuid for row in connection.execute(RUN.select().where(RUN.c.status.in_(EXECUTED)))}


@pytest.mark.usefixtures("marks_every_third")
def test_a_page_far_back_is_counted_once(database: Database, heartbeats: list[Heartbeat]) -> None:
    """The second time no more than what lies between two marks is passed over, nor after older logs are gone."""
    database.write_now(lambda c: [a_run(c, heartbeats[0], created_at=next(MINUTES)) for _ in range(40)])
    wanted = LogFilter(heartbeats[0].bot_id)
    whole = database.read_now(expected, wanted)
    with statements_with_parameters(database._engine) as sent:
        for number in (9, 9, 4):
            assert database.read_now(uuids, wanted, number) == whole[(number - 1) * SIZE : number * SIZE]
        oldest = database.write_now(lambda c: c.execute(RUN.delete().where(RUN.c.uuid.in_(whole[-5:]))).rowcount)
        assert (oldest, database.read_now(uuids, wanted, 8)) == (5, whole[28:32])
    offsets = [
        [*(parameters.values() if isinstance(parameters, dict) else parameters)][-1]
        for statement, parameters in sent
        if "ORDER BY run.id DESC" in statement and "row_number" not in statement
    ]
    assert max(offsets) < list_marks.EVERY


@pytest.mark.usefixtures("marks_every_third")
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_log_that_is_committed_late_is_on_its_page(database: Database, heartbeats: list[Heartbeat]) -> None:
    """Its number is lower than those of logs that were there before, of which the page far back was counted."""
    wanted, times = LogFilter(heartbeats[0].bot_id), [next(MINUTES) for _ in range(20)]
    late = {"uuid": "log_late", "workflow_id": "late", "created_at": times[-1], "status": "skipped"}

    def some(connection: Connection) -> None:
        for number, at in enumerate(times):
            a_run(connection, heartbeats[0], created_at=at + timedelta(milliseconds=number))

    def pages() -> list[str]:
        return [uuid for number in range(1, 12) for uuid in database.read_now(uuids, wanted, number)]

    database.write_now(some)
    with database._engine.connect() as connection:
        pattern = connection.execute(RUN.select().limit(1)).one()._asdict()
        del pattern["id"]
        connection.execute(RUN.insert().values({**pattern, **late}))
        times = [times[-1] + timedelta(seconds=1)] * 12
        database.write_now(some)
        pages()
        connection.commit()
    counted = update(HEARTBEAT).where(HEARTBEAT.c.id == heartbeats[0].id)
    database.write_now(lambda c: c.execute(counted.values(skipped_count=1)))
    assert pages() == database.read_now(expected, wanted)


@pytest.mark.usefixtures("marks_every_third")
def test_marks_are_kept_of_the_list_looked_at_last(
    database: Database, heartbeats: list[Heartbeat], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_marks, "MAX_LISTS", 1)
    for heartbeat in heartbeats:
        database.write_now(lambda c, of=heartbeat: [a_run(c, of, created_at=next(MINUTES)) for _ in range(20)])
    for heartbeat in [*heartbeats, *heartbeats]:
        wanted = LogFilter(heartbeat.bot_id, heartbeat.id)
        whole = database.read_now(expected, wanted)
        assert database.read_now(uuids, wanted, 4) == whole[3 * SIZE : 4 * SIZE]
        assert len(list_marks._marks[database._engine]) == 1
