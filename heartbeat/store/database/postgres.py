"""The engine for PostgreSQL: no call waits for ever, and nothing needs a session that a pooler would take away.

A server can be stopped, or its connection cut, without a word to us. Then TCP keeps quiet for minutes or hours, so
each side of a call has a limit of its own: a call fails here when its time is up, and its connection is closed; the
server ends a statement, and a transaction that is left alone, by itself.
"""

import re
from time import monotonic
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError

from heartbeat.store.database.postgres_calls import POOL_SIZE, deadline, lost_state, time_limit

# Whether a pooled connection is alive shows within this time, so that there is time left for the next one.
PING_SECONDS = 2.0
POOL_SECONDS = 5.0
# A process that vanished in the middle of a transaction must not keep rows locked.
IDLE_IN_TRANSACTION, IDLE_IN_TRANSACTION_MS = "idle_in_transaction_session_timeout", 60_000
# What a URL says of these in its query takes precedence. A statement that was executed five times gets a name, so that
# the server need not parse and plan it again. Poolers give a transaction any connection to the server, so there
# statements have names only when the URL says so (`prepare_threshold=5`).
PREPARE_THRESHOLD = 5
CONNECT_ARGS: dict[str, Any] = {
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "prepare_threshold": None,
}
REFUSED_OPTIONS = re.compile(r"startup parameter|command-line options", re.IGNORECASE)


class TimedConnection(psycopg.Connection[Any]):
    """A connection whose calls end within the `time_limit` of their thread."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        end = deadline()
        if end == float("inf"):
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, max(0.0, end - monotonic()))
        except psycopg.OperationalError:
            if monotonic() < end:
                raise
            # Whatever comes back later would be taken for the answer to another call.
            self.close()
            raise psycopg.OperationalError("the server did not answer in time") from None

    def begin(self) -> None:
        """Begin a transaction, as its first statement would; raises `psycopg.Error` when the server does not answer."""
        with self.lock:
            self.wait(self._start_query())


def postgres_engine(url: str, statement_seconds: float | None, pool_size: int = POOL_SIZE) -> Engine:
    """Make the engine; a statement that takes longer than `statement_seconds` is ended by the server."""
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        pool_use_lifo=True,
        hide_parameters=True,
    )
    limits = _server_limits(statement_seconds)
    event.listen(engine, "do_connect", _Connector(limits).connect)
    event.listen(engine, "checkout", lambda driver, record, _: _begin(driver, record.info))
    event.listen(engine, "begin", lambda connection: _limit_transaction(connection, limits))
    event.listen(engine, "handle_error", _drop_useless)
    return engine


def _server_limits(statement_seconds: float | None) -> dict[str, str]:
    limits = {IDLE_IN_TRANSACTION: str(IDLE_IN_TRANSACTION_MS)}
    if statement_seconds is not None:
        limits["statement_timeout"] = str(round(statement_seconds * 1000))
    return limits


class _Connector:
    """Opens connections whose server has its limits from their options; where a pooler refuses these, each transaction
    sets them."""

    def __init__(self, limits: dict[str, str]) -> None:
        self._options = " ".join(f"-c {name}={value}" for name, value in limits.items())
        self._takes_options = True

    def connect(self, dialect: Any, record: Any, args: list[Any], params: dict[str, Any]) -> TimedConnection:
        names_statements = "prepare_threshold" not in params
        params = {**CONNECT_ARGS, **params}
        if params["prepare_threshold"] is not None:
            params["prepare_threshold"] = int(params["prepare_threshold"])
        record.info["new"] = True
        if self._takes_options and "options" not in params:
            try:
                connection = TimedConnection.connect(*args, **{**params, "options": self._options})
            except psycopg.OperationalError as problem:
                if not REFUSED_OPTIONS.search(str(problem)):
                    raise
                self._takes_options = False
            else:
                # Some poolers ignore them without a word.
                record.info["limited"], is_direct = _is_limited_and_direct(connection)
                if is_direct and names_statements:
                    connection.prepare_threshold = PREPARE_THRESHOLD
                return connection
        record.info["limited"] = False
        return TimedConnection.connect(*args, **params)


def _is_limited_and_direct(connection: TimedConnection) -> tuple[bool, bool]:
    """Whether the server took the limits of its options, and whether the connection is its own: no pooler's.

    A pooler gives its own number for the process that a client would cancel, as it has no one process for it.
    """
    connection.autocommit = True
    of_server = "SELECT setting, pg_backend_pid() FROM pg_settings WHERE name = %s"
    row = connection.execute(of_server, [IDLE_IN_TRANSACTION]).fetchone()
    connection.autocommit = False
    if row is None or row[0] != str(IDLE_IN_TRANSACTION_MS):
        return False, False
    return True, row[1] == connection.info.backend_pid


def _begin(driver: TimedConnection, info: dict[Any, Any]) -> None:
    """Have the pool drop a connection that does not answer, with those that are as old, and open another.

    That is seen by the BEGIN, which comes anyway: to ask beforehand would be a round trip more.
    """
    if info.pop("new", False):
        return
    try:
        with time_limit(min(PING_SECONDS, (deadline() - monotonic()) / 2)):
            driver.begin()
    except psycopg.Error as problem:
        raise InvalidatePoolError from problem


def _limit_transaction(connection: Connection, limits: dict[str, str]) -> None:
    if connection.connection.info["limited"]:
        return
    settings = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in limits.items())
    connection.exec_driver_sql(f"SELECT {settings}")


def _drop_useless(context: ExceptionContext) -> None:
    if lost_state(context.original_exception):
        context.is_disconnect = True
