"""Statements of the hot path: put together once for each dialect, and handed to the driver as they are.

A run sends some twenty statements. Around each of them SQLAlchemy takes several times as long as SQLite does for it:
it looks the compiled statement up, builds an execution context, a cursor and a result. What such a statement means is
written in Core all the same; here is no SQL. Whoever listens to what is executed hears of these statements, too.
"""

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, Dialect, Executable
from sqlalchemy.exc import NoResultFound
from sqlalchemy.types import TypeEngine

Processor = Callable[[Any], Any]


class Bind(NamedTuple):
    """A value of a statement, by its `name`; one that is written in the statement itself is `fixed`."""

    name: str
    process: Processor | None
    is_fixed: bool
    fixed: Any


class StatementResult:
    """What a statement came to: its rows, all of them read, or the number of those that it changed."""

    __slots__ = ("_names", "_rows", "rowcount")

    def __init__(self, names: Sequence[str], rows: list[Any], rowcount: int) -> None:
        self._names = names
        self._rows = rows
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def keys(self) -> Sequence[str]:
        """The names of the columns."""
        return self._names

    def all(self) -> list[Any]:
        return self._rows

    def first(self) -> Any:
        """The first row, or `None`."""
        return self._rows[0] if self._rows else None

    def one(self) -> Any:
        """The first row; raises `NoResultFound`."""
        if not self._rows:
            raise NoResultFound("No row was found when one was required")
        return self._rows[0]

    def scalar(self) -> Any:
        """The first value of the first row, or `None`."""
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:
        """The first value of the first row; raises `NoResultFound`."""
        return self.one()[0]


class Prepared:
    """A Core statement that is built once, at import, and run again and again.

    Its values are `bindparam`s; of an INSERT they can be columns. Lists of them (`IN`) are not for here.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._texts: dict[tuple[str, ...], _Text] = {}

    def run(self, connection: Connection, parameters: Mapping[str, Any] | None = None) -> StatementResult:
        """Execute it in the connection's transaction; raises what `connection.execute` raises."""
        parameters = parameters or {}
        # As for SQLAlchemy, the names of an INSERT's values say which columns it writes.
        key = (connection.dialect.name, *parameters)
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = _Text(_driver_dialect(connection.dialect), self._statement, list(parameters))
        return text.run(connection, parameters)


class _Text:
    """The text of a statement in one dialect, what its values become on their way there, and its columns back."""

    def __init__(self, dialect: Dialect, statement: Executable, names: list[str]) -> None:
        compiled: Any = statement.compile(dialect=dialect, column_keys=names)  # type: ignore[attr-defined]
        assert not compiled.post_compile_params | compiled.literal_execute_params, statement
        self._sql = compiled.string
        self._cursor = _no_cursor if dialect.name == "sqlite" else _raw_cursor
        defaults = {column.key: column.default.arg for column in compiled.insert_prefetch}
        self._binds = [_bind(dialect, name, compiled.binds[name], defaults) for name in compiled.positiontup or ()]
        columns = compiled._result_columns
        self._names = tuple(column.keyname for column in columns)
        processors = [_processor(dialect, column.type, "result_processor", None) for column in columns]
        self._processors = [(at, process) for at, process in enumerate(processors) if process]
        # Of a join two columns may have one name; its rows are told apart by their places.
        has_names = len({*self._names}) == len(self._names) and all(map(str.isidentifier, self._names))
        named: Any = namedtuple("Row", self._names) if has_names else None
        self._make = named._make if has_names else tuple

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> StatementResult:
        values = [self._value(bind, parameters) for bind in self._binds]
        if not connection.in_transaction():
            connection.begin()
        driver: Any = connection.connection.dbapi_connection
        for listener in connection.dispatch.before_cursor_execute:
            listener(connection, driver, self._sql, values, None, False)
        try:
            cursor = self._cursor(driver).execute(self._sql, values)
            rows = cursor.fetchall() if self._names else []
        except Exception as problem:
            # It wraps the driver's error, and drops a connection that is lost.
            connection._handle_dbapi_exception(problem, self._sql, values, None, None)
        return StatementResult(self._names, [self._row(row) for row in rows], cursor.rowcount)

    def _value(self, bind: Bind, parameters: Mapping[str, Any]) -> Any:
        if bind.is_fixed:
            return bind.fixed
        value = parameters[bind.name]
        return bind.process(value) if bind.process else value

    def _row(self, row: Sequence[Any]) -> Any:
        if self._processors:
            row = list(row)
            for at, process in self._processors:
                row[at] = process(row[at])
        return self._make(row)


def _bind(dialect: Dialect, name: str, bind: BindParameter[Any], defaults: Mapping[str, Any]) -> Bind:
    process = _processor(dialect, bind.type, "bind_processor")
    if bind.required and name not in defaults:
        return Bind(name, process, False, None)
    value = defaults.get(name, bind.effective_value)
    return Bind(name, process, True, process(value) if process else value)


def _processor(dialect: Dialect, kind: TypeEngine[Any], name: str, *of_driver: Any) -> Processor | None:
    processor: Processor | None = getattr(kind.dialect_impl(dialect), name)(dialect, *of_driver)
    return processor


def _driver_dialect(dialect: Dialect) -> Dialect:
    """The dialect whose text the driver takes as it is: PostgreSQL's own `$1`, which psycopg need not look for."""
    return dialect if dialect.name == "sqlite" else _numbered()


@cache
def _numbered() -> Dialect:
    # The driver weighs nine megabytes.
    import psycopg as driver
    from sqlalchemy.dialects.postgresql import psycopg

    return psycopg.dialect(dbapi=driver, paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


def _no_cursor(driver: Any) -> Any:
    return driver


def _raw_cursor(driver: Any) -> Any:
    # The driver weighs nine megabytes.
    from psycopg import RawCursor

    return RawCursor(driver)
