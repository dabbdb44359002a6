"""Insert any number of logs at once, with the counters and the daily numbers that real runs would have left."""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
from sqlalchemy import Connection, Table, create_engine, text
from sqlalchemy.pool import NullPool

from heartbeat.store.database.database import driver_url
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.runs import Run

RUN, ENTRY = columns(Run), columns(Entry)

DAYS = 365
# `BENCH_LOGS=10000000 make bench ARGS="scale dashboard lists"` takes half an hour and 25 GB.
MANY_LOGS = int(os.environ.get("BENCH_LOGS", "1000000"))

# Numbers below :logs, each with a time of the last year, evenly spread.
NUMBERS = {
    "sqlite": """
        WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :logs),
        moments AS MATERIALIZED (
            SELECT n, strftime('%Y-%m-%d %H:%M:%S.000000', :until, printf('-%d seconds', :span * (:logs - n) / :logs))
            AS at FROM numbers)
    """,
    "postgresql": """
        WITH moments AS (
            SELECT n, CAST(:until AS timestamptz)
                - interval '1 second' * CAST(CAST(:span AS bigint) * (:logs - n) / :logs AS int) AS at
            FROM generate_series(0, :logs - 1) AS numbers(n))
    """,
}
# Each heartbeat in turn; one run in ten is an error.
RUNS = """
    INSERT INTO run (uuid, project_id, bot_id, heartbeat_id, workflow_id, workflow_run_id, type, trigger, status,
        prompt, instruction, response, model, max_reply_tokens, tokens_used, credits_charged, scheduled_for,
        started_at, finished_at, duration_ms, created_at)
    {numbers}
    SELECT 'log_' || n, h.project_id, h.bot_id, h.id, 'workflow-' || n, 'run-' || n, 'heartbeat', 'schedule',
        CASE WHEN n % 10 = 7 THEN 'error' ELSE 'success' END,
        h.prompt, 'Be brief.', 'Nothing is urgent.', 'openai:instant', 2048, 1250, 2, at, at, at, 900, at
    FROM moments JOIN heartbeat h ON h.id = 1 + n % (SELECT count(*) FROM heartbeat)
"""
DAY = {"sqlite": "substr(created_at, 1, 10)", "postgresql": "to_char(created_at, 'YYYY-MM-DD')"}
SUMS = "success, error, skipped, cancelled, duration_ms, tokens, credits, cost_nano_usd, durations"
# As many buckets as a day of real runs fills.
ADDED_UP = """
    sum(CASE status WHEN 'success' THEN 1 ELSE 0 END), sum(CASE status WHEN 'error' THEN 1 ELSE 0 END), 0, 0,
    sum(duration_ms), sum(tokens_used), sum(credits_charged), 0,
    '{"33": 1, "35": 2, "37": ' || count(*) || ', "40": 2, "44": 1, "52": 1}'
"""
ROLLUP = f"""
    INSERT INTO daily_rollup (bot_id, day, type, model, {SUMS})
    SELECT bot_id, :day, type, model, {ADDED_UP} FROM run GROUP BY 1, 2, 3, 4
"""
HEARTBEAT_DAYS = f"""
    INSERT INTO heartbeat_day (heartbeat_id, day, {SUMS}) SELECT heartbeat_id, :day, {ADDED_UP} FROM run GROUP BY 1, 2
"""
# Of each run what it was charged, in the month in which it began.
ENTRIES = """
    INSERT INTO entry (project_id, heartbeat_id, run_id, step, kind, credits, held, granted, absorbed, tokens,
        period_start, created_at)
    SELECT project_id, heartbeat_id, id, 1, 'settle', credits_charged, 0, 0, 0, tokens_used, {month}, created_at
    FROM run
"""
MONTH = {"sqlite": "strftime('%Y-%m-01 00:00:00.000000', created_at)", "postgresql": "date_trunc('month', created_at)"}
USAGE = """
    INSERT INTO usage (project_id, period_start, credits, held, granted, budget_granted)
    SELECT project_id, period_start, sum(credits), 0, 0, 0 FROM entry GROUP BY 1, 2
"""
COUNTERS = """
    UPDATE heartbeat SET success_count = ended.success, total_error_count = ended.error, last_status = 'success',
        period_start = ended.month, period_credits = ended.credits
    FROM (SELECT heartbeat_id, sum(CASE status WHEN 'success' THEN 1 ELSE 0 END) AS success,
        sum(CASE status WHEN 'error' THEN 1 ELSE 0 END) AS error, max(month) AS month,
        sum(CASE WHEN month = (SELECT max(period_start) FROM usage) THEN credits_charged ELSE 0 END) AS credits
        FROM (SELECT heartbeat_id, status, credits_charged, {month} AS month FROM run) AS of_month GROUP BY 1) AS ended
    WHERE ended.heartbeat_id = heartbeat.id
"""
# So much is written that what is at hand by default is read again and again.
AT_HAND = {
    "sqlite": ["PRAGMA cache_size = -1000000"],
    "postgresql": ["SET LOCAL maintenance_work_mem = '512MB'", "SET LOCAL session_replication_role = replica"],
}

# For the time of filling: nothing has to outlive a crash.
UNSAFE = ("journal_mode = off", "synchronous = off", "locking_mode = exclusive", "threads = 2")
QUICKER = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "8GB", "autovacuum": "off"}


def fill(connection: Connection, logs: int, days: int = DAYS) -> None:
    """Spread `logs` logs over all heartbeats and the last `days` days."""
    dialect = connection.dialect.name
    until = datetime.now(UTC)
    parameters = {
        "logs": logs,
        "span": int(timedelta(days=days).total_seconds()),
        "until": f"{until:%Y-%m-%d %H:%M:%S}" if dialect == "sqlite" else until,
    }
    month = MONTH[dialect]
    for setting in AT_HAND[dialect]:
        connection.exec_driver_sql(setting)
    with _indexed_afterwards(connection, RUN, ENTRY):
        connection.execute(text(RUNS.format(numbers=NUMBERS[dialect])), parameters)
        connection.exec_driver_sql(ENTRIES.format(month=month))
    for numbers in (ROLLUP, HEARTBEAT_DAYS):
        connection.exec_driver_sql(numbers.replace(":day", DAY[dialect]))
    connection.exec_driver_sql(USAGE)
    connection.exec_driver_sql(COUNTERS.format(month=month))


@contextlib.contextmanager
def _indexed_afterwards(connection: Connection, *tables: Table) -> Iterator[None]:
    """Make the indexes anew after very many rows were written: in order, they take a tenth of the time."""
    indexes = [index for table in tables for index in table.indexes]
    for index in indexes:
        index.drop(connection)
    yield
    for index in indexes:
        index.create(connection)


@contextlib.contextmanager
def quickly(url: str) -> Iterator[Connection]:
    """Open a transaction with less care than the product's, or on SQLite none at all."""
    if url.startswith("sqlite"):
        with create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
            for setting in UNSAFE:
                connection.exec_driver_sql(f"PRAGMA {setting}")
            yield connection
        return
    with psycopg.connect(url, autocommit=True) as settings:
        for name, value in QUICKER.items():
            settings.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        settings.execute("SELECT pg_reload_conf()")
        try:
            with create_engine(driver_url(url), poolclass=NullPool).begin() as connection:
                yield connection
        finally:
            settings.execute("CHECKPOINT")
            settings.execute("ALTER SYSTEM RESET ALL")
            settings.execute("SELECT pg_reload_conf()")


def vacuum(url: str) -> None:
    """Do what PostgreSQL's autovacuum does within minutes of so many writes; SQLite has none."""
    if not url.startswith("sqlite"):
        with create_engine(driver_url(url), isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text("VACUUM ANALYZE"))
