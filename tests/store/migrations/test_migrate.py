"""The migrations make exactly the tables the code has, on both databases, from nothing and again."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, select
from sqlmodel import SQLModel

from heartbeat.domain.durations import bucket
from heartbeat.domain.errors import Unavailable
from heartbeat.domain.fingerprints import fingerprint_key
from heartbeat.domain.ids import new_id
from heartbeat.domain.pauses import FLAG_TURNED_OFF
from heartbeat.secrets.key_hashes import KeyHashes
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.migrations import migrate
from heartbeat.store.migrations.revisions import newest
from heartbeat.store.projects.projects import project_of_key
from heartbeat.store.tables.bots import Bot, Tool
from heartbeat.store.tables.credits import DailyRollup, HeartbeatDay, Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Finding
from heartbeat.store.tables.projects import ApiKey, Project
from tests.support.databases import without_tables
from tests.support.patience import PATIENCE
from tests.support.processes import migrating
from tests.support.seeds import NOW

HEARTBEAT, EVENT = columns(Heartbeat), columns(Event)


@pytest.fixture(params=["sqlite", "postgresql"])
def unmigrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'unmigrated.db'}"
        return
    with without_tables(request.getfixturevalue("postgres"), "unmigrated") as url:
        yield url


def test_the_migrations_make_the_tables(database: Database) -> None:
    def differences(connection: object) -> list[object]:
        opts = {"compare_type": True, "include_name": migrate.has_a_class}
        context = MigrationContext.configure(connection, opts=opts)  # type: ignore[arg-type]
        return list(compare_metadata(context, SQLModel.metadata))

    assert database.read_now(differences) == []


def test_a_database_says_where_it_stands(database_url: str) -> None:
    assert migrate.current(database_url) == newest()


def test_one_that_was_never_migrated_says_so(tmp_path: Path) -> None:
    assert migrate.current(f"sqlite:///{tmp_path / 'new.db'}") is None


def test_processes_may_migrate_at_once(database_url: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'heartbeat.db'}" if database_url.startswith("sqlite") else database_url
    several = [migrating(url) for _ in range(2)]
    for process in several:
        process.join(PATIENCE)
    assert [process.exitcode for process in several] == [0, 0]
    assert migrate.current(url) == newest()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_database_without_tables_says_what_to_run(database: Database) -> None:
    await database.write(lambda connection: connection.exec_driver_sql("DROP TABLE project CASCADE"))
    with pytest.raises(Unavailable, match="run `heartbeat migrate`"):
        await database.read(lambda connection: connection.exec_driver_sql("SELECT * FROM project"))


COUNTERS = ("total_error_count", "success_count", "skipped_count", "cancelled_count", "period_credits")
FAILED = "Failed 3 times in a row; the last error: openai: No key. Mend it, then enable again."
TRIED = "Tried again once in vain; the last error: no. It is tried again at 2026-11-20 12:00 (UTC)"
SOONER = "; enable it to have it run sooner."
# What the sentence was, and its cause, its detail and how often, as they are kept now.
PAUSES = {
    ("errors", FAILED): ("failures", "openai: No key", 3),
    ("errors", f"{TRIED}{SOONER}"): ("failed_probes", "no", 1),
    ("errors", f"{TRIED}."): ("failed_probes", "no", 1),
    ("errors", "Failed once; the last error: no. Mend it, then make the task anew."): ("failures", "no", 1),
    ("budget", "The budget of 2 credits is spent."): ("budget", "The budget of 2 credits is spent.", 0),
    ("operator", FLAG_TURNED_OFF): ("bot_flag", None, 0),
    ("operator", "Paused in Temporal: until Friday."): ("temporal", "until Friday.", 0),
    ("errors", "It says why. Mend it, then enable again."): (None, "It says why.", 0),
}


def test_a_pause_of_before_keeps_its_words(unmigrated_url: str) -> None:
    """Version 0007 kept of a pause one sentence, in its row and in its event, and told a task otherwise what to do."""
    migrate.upgrade(unmigrated_url, "0007")
    with contextlib.closing(Database(unmigrated_url)) as database:
        database.write_now(_paused_as_before)
    migrate.upgrade(unmigrated_url)
    with contextlib.closing(Database(unmigrated_url)) as database:
        rows = database.read_now(lambda c: many(c, Heartbeat, select(HEARTBEAT).order_by(HEARTBEAT.c.id)))
        events = database.read_now(lambda c: many(c, Event, select(EVENT).order_by(EVENT.c.id)))
    for (reason, message), row, event in zip(PAUSES, rows[:-1], events, strict=True):
        code, detail, times = PAUSES[reason, message]
        said_now = message.replace("make the task anew", "resume the task")
        assert (row.pause_reason, row.pause_cause, row.pause_message) == (reason, code, said_now)
        assert event.data["cause"] == {"code": code, "detail": detail, "times": times}
        assert (event.data["reason"], event.data["message"]) == (reason, message)
    assert (rows[-1].pause_cause, rows[-1].pause_message) == (None, None)


def test_the_logs_of_before_are_in_the_numbers_of_their_days(unmigrated_url: str) -> None:
    """Version 0019 had the numbers of a bot's day alone, and not how long its runs took."""
    migrate.upgrade(unmigrated_url, "0019")
    with contextlib.closing(Database(unmigrated_url)) as database:
        database.write_now(_ran_as_before)
    migrate.upgrade(unmigrated_url)
    with contextlib.closing(Database(unmigrated_url)) as database:
        days = database.read_now(lambda c: many(c, HeartbeatDay, select(columns(HeartbeatDay))))
        of_bot = database.read_now(lambda c: exactly_one(c, DailyRollup, select(columns(DailyRollup))))
    assert [(day.day, day.success, day.error, day.skipped, day.credits) for day in days] == [("2026-11-20", 1, 1, 1, 4)]
    assert [(day.duration_ms, day.tokens, day.cost_nano_usd) for day in days] == [(9_000, 20, 6_000_000_000)]
    histogram = {str(bucket(1_000)): 1, str(bucket(8_000)): 1}
    assert (json.loads(days[0].durations), json.loads(of_bot.durations)) == (histogram, histogram)


def test_bots_and_projects_of_before_were_given_nothing(unmigrated_url: str) -> None:
    """Version 0036 gave credits to runs and heartbeats alone."""
    migrate.upgrade(unmigrated_url, "0036")
    with contextlib.closing(Database(unmigrated_url)) as database:
        database.write_now(_used_as_before)
    migrate.upgrade(unmigrated_url)
    with contextlib.closing(Database(unmigrated_url)) as database:
        bot = database.read_now(lambda c: exactly_one(c, Bot, select(columns(Bot))))
        usage = database.read_now(lambda c: exactly_one(c, Usage, select(columns(Usage))))
    assert (bot.period_start, bot.period_granted) == (None, 0)
    assert (usage.credits, usage.granted, usage.budget_granted) == (3, 7, 0)


def _used_as_before(connection: Connection) -> None:
    bot = _bot_as_before(connection, _project_as_before(connection))
    usage = sa.Table("usage", sa.MetaData(), autoload_with=connection)
    row = {"project_id": bot.project_id, "period_start": NOW, "credits": 3, "held": 0, "granted": 7}
    connection.execute(usage.insert().values(row))


def _ran_as_before(connection: Connection) -> None:
    """Two runs that ended, a tick that was skipped, one that goes on and a rehearsal, as version 0019 had them."""
    bot, then = _bot_as_before(connection, _project_as_before(connection)), NOW.replace(tzinfo=None)
    run, heartbeat = (sa.Table(name, sa.MetaData(), autoload_with=connection) for name in ("run", "heartbeat"))
    counters = ("error_count", *COUNTERS, "missed_count", "period_held", "probes", "depth", "jitter_seconds")
    row = {
        "uuid": "hb_1",
        "project_id": bot.project_id,
        "bot_id": bot.id,
        "type": "heartbeat",
        "prompt": "",
        "prompt_hash": "",
        "timezone": "UTC",
        "chat_mode": "agent",
        "catch_up": "once",
        "enabled": True,
        "auto_resume": True,
        **dict.fromkeys(("max_consecutive_errors", "max_steps", "approval_timeout_hours", "version"), 1),
        **dict.fromkeys((*counters, "synced_version"), 0),
        **dict.fromkeys(("anchor_at", "accounted_until", "created_at", "updated_at"), then),
    }
    whose = connection.execute(heartbeat.insert().values(row).returning(heartbeat)).one()
    day = "2026-11-20"
    connection.exec_driver_sql(
        "INSERT INTO daily_rollup (bot_id, day, type, model, success, error, skipped, cancelled, duration_ms, tokens,"
        f" credits, cost_nano_usd) VALUES ({whose.bot_id}, '{day}', 'heartbeat', 'm', 1, 1, 0, 0, 9000, 20, 4, 0)"
    )
    for number, (status, took) in enumerate([("success", 1_000), ("error", 8_000), ("skipped", 0), ("running", None)]):
        spent = {"tokens_used": 10, "credits_charged": 2, "cost_nano_usd": 3_000_000_000} if took else {}
        for dry_run in (False, True) if status == "success" else (False,):
            row = {
                "uuid": f"log_{number}{dry_run}",
                "project_id": whose.project_id,
                "bot_id": whose.bot_id,
                "heartbeat_id": whose.id,
                "type": "heartbeat",
                "trigger": "schedule",
                "status": status,
                "prompt": "",
                "instruction": "",
                "chat_mode": "agent",
                "model": "" if status == "skipped" else "m",
                "max_reply_tokens": 1,
                "max_steps": 1,
                "credits_held": 0,
                "dry_run": dry_run,
                "cut": False,
                "duration_ms": took,
                "started_at": then,
                "created_at": then,
                "tokens_used": 0,
                "credits_charged": 0,
                "cost_nano_usd": 0,
                **spent,
            }
            connection.execute(run.insert().values(row))


def test_a_finding_of_before_is_known_by_what_counts_of_its_name(unmigrated_url: str) -> None:
    migrate.upgrade(unmigrated_url, "0007")
    fingerprints = ["Disk-Full: web_1", "host-1:12", "-"]
    with contextlib.closing(Database(unmigrated_url)) as database:
        database.write_now(_paused_as_before)
        database.write_now(lambda c: _found_as_before(c, fingerprints))
    migrate.upgrade(unmigrated_url)
    with contextlib.closing(Database(unmigrated_url)) as database:
        rows = database.read_now(lambda c: many(c, Finding, select(columns(Finding)).order_by(columns(Finding).c.id)))
    assert [row.fingerprint_key for row in rows] == [fingerprint_key(fingerprint) for fingerprint in fingerprints]
    assert [row.told_severity for row in rows] == ["warning", None, "warning"]


def _found_as_before(connection: Connection, fingerprints: Sequence[str]) -> None:
    """A finding with each fingerprint; of the second nobody was told."""
    owner = connection.execute(sa.text("SELECT id, bot_id FROM heartbeat LIMIT 1")).one()
    finding = sa.Table("finding", sa.MetaData(), autoload_with=connection)
    for number, fingerprint in enumerate(fingerprints):
        whose = {"uuid": f"fnd_{number}", "bot_id": owner.bot_id, "heartbeat_id": owner.id}
        what = {"fingerprint": fingerprint, "title": "Disk is full", "severity": "warning", "state": "open"}
        when = {"first_seen_at": NOW, "last_seen_at": NOW, "told_at": None if number == 1 else NOW}
        connection.execute(finding.insert().values(times_seen=1, **whose, **what, **when))


def test_servers_of_one_label_are_told_apart(unmigrated_url: str) -> None:
    """Version 0021 let a bot have several of one label."""
    migrate.upgrade(unmigrated_url, "0021")
    labels = ["crm", "crm", "crm_2", "crm", "x" * 255, "x" * 255]
    with contextlib.closing(Database(unmigrated_url)) as database:
        database.write_now(lambda c: _connected_as_before(c, labels))
    migrate.upgrade(unmigrated_url)
    with contextlib.closing(Database(unmigrated_url)) as database:
        rows = database.read_now(lambda c: many(c, Tool, select(columns(Tool)).order_by(columns(Tool).c.id)))
    renamed = ["crm", "crm_3", "crm_2", "crm_4", "x" * 255, f"{'x' * 253}_2"]
    assert [row.server_label for row in rows] == [*renamed, *renamed], "of each bot"


def _connected_as_before(connection: Connection, labels: Sequence[str]) -> None:
    project = _project_as_before(connection)
    tool = sa.Table("tool", sa.MetaData(), autoload_with=connection)
    for bot in (_bot_as_before(connection, project), _bot_as_before(connection, project)):
        for number, label in enumerate(labels):
            row = {"uuid": f"tool_{bot.id}_{number}", "bot_id": bot.id, "server_label": label, "server_url": "x"}
            row |= {"transport": "http", "require_approval": "never", "is_enabled": True, "changed_count": 0}
            row |= {"approval_tools": [], "risks": [], "header_names": [], "tools": [], "per_member": False}
            connection.execute(tool.insert().values(created_at=NOW, updated_at=NOW, **row))


def test_no_key_of_before_stands_in_clear(unmigrated_url: str) -> None:
    """Until version 0050 the first eight characters stood there, whoever had chosen the key."""
    migrate.upgrade(unmigrated_url, "0050")
    secrets = {"hbk_" + "a" * 40: "hbk_aaaa", "hunter22": "", "hbk_1234": "", "a-key-of-my-own": ""}
    with contextlib.closing(Database(unmigrated_url)) as database:
        database.write_now(_keys_as_before, list(secrets))
    migrate.upgrade(unmigrated_url)
    with contextlib.closing(Database(unmigrated_url)) as database:
        rows = database.read_now(lambda c: many(c, ApiKey, select(columns(ApiKey)).order_by(columns(ApiKey).c.id)))
        assert [row.prefix for row in rows] == list(secrets.values())
        assert {(row.scopes, row.bot_ids, row.expires_at) for row in rows} == {("admin", None, None)}
        for secret in secrets:
            assert database.read_now(project_of_key, KeyHashes().all(secret), NOW) is not None


def _keys_as_before(connection: Connection, secrets: Sequence[str]) -> None:
    project = _project_as_before(connection)
    key = sa.Table("api_key", sa.MetaData(), autoload_with=connection)
    for number, secret in enumerate(secrets):
        row = {"uuid": f"key_{number}", "project_id": project.id, "name": "key", "prefix": secret[:8]}
        row |= {"hash": sha256(secret.encode()).hexdigest(), "scopes": "admin", "created_at": NOW}
        connection.execute(key.insert().values(row))


def _project_as_before(connection: Connection) -> Project:
    before = sa.Table("project", sa.MetaData(), autoload_with=connection)
    columns = {"uuid": "proj_1", "name": "Acme", "plan": "self_hosted", "period_anchor_day": 1, "created_at": NOW}
    connection.execute(before.insert().values(columns))
    return Project.model_construct(
        name="Acme", uuid="proj_1", created_at=NOW, id=connection.execute(sa.select(before.c.id)).scalar_one()
    )


def _bot_as_before(connection: Connection, project: Project) -> Bot:
    before, uuid = sa.Table("bot", sa.MetaData(), autoload_with=connection), new_id("bot")
    row = {"uuid": uuid, "project_id": project.id, "name": "Support desk", "instruction": "", "status": True}
    row |= {"heartbeat": True, "attributes": {}, "created_at": NOW, "updated_at": NOW}
    bot_id = connection.execute(before.insert().values(row).returning(before.c.id)).scalar_one()
    return Bot.model_construct(name="", id=bot_id, uuid=uuid, project_id=project.id)


def _paused_as_before(connection: Connection) -> None:
    """A heartbeat with each pause, and its event; and one that is not paused."""
    bot = _bot_as_before(connection, _project_as_before(connection))
    before = sa.Table("heartbeat", sa.MetaData(), autoload_with=connection)
    for number, (reason, message) in enumerate([*PAUSES, (None, None)]):
        text = message or ""
        row = {
            "uuid": f"hb_{number}",
            "project_id": bot.project_id,
            "bot_id": bot.id,
            "type": "scheduled_task" if text.endswith(("anew.", "(UTC).")) else "heartbeat",
            "prompt": "Check the queue.",
            "prompt_hash": "",
            "timezone": "UTC",
            "anchor_at": NOW,
            "enabled": reason is None,
            "max_consecutive_errors": 5,
            "accounted_until": NOW,
            **dict.fromkeys(COUNTERS, 0),
            "error_count": 3 if "3 times" in text else 1,
            "probes": 1 if "Tried" in text else 0,
            "probe_at": NOW if "tried again at" in text else None,
            "pause_reason": reason,
            "pause_message": message,
            "version": 1,
            "synced_version": 0,
            "created_at": NOW,
            "updated_at": NOW,
        }
        heartbeat_id = connection.execute(before.insert().values(row).returning(before.c.id)).scalar_one()
        if reason is not None:
            data = {"reason": reason, "message": message, "resume": "Enable it again."}
            whose = {"project_id": bot.project_id, "bot_id": bot.id, "heartbeat_id": heartbeat_id}
            event = {"uuid": f"evt_{number}", "kind": "heartbeat.paused", "data": data, "created_at": NOW}
            connection.execute(EVENT.insert().values({**whose, **event}))
