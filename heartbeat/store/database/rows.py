"""Rows as plain objects, and the statements that every query is built from."""

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import configure_mappers
from sqlmodel import SQLModel

from heartbeat.store.database.prepared import Prepared, StatementResult
from heartbeat.store.tables import audit, credits, notifications, tool_connections, users  # noqa: F401 - every table, through those they refer to

# Rows are built without their constructor, which would have configured the mappers.
configure_mappers()

M = TypeVar("M", bound=SQLModel)


def insert(connection: Connection, table: Any) -> Any:
    """The dialect's own INSERT, which knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return insert_in(connection.dialect.name, table)


def insert_in(dialect: str, table: Any) -> Any:
    """`insert` for statements that are built once for each dialect."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


@cache
def insert_once(dialect: str, table: Table) -> Prepared:
    """Insert a row unless its key is taken; returns the row as written, or none."""
    return Prepared(insert_in(dialect, table).on_conflict_do_nothing().returning(table))


def _executed(
    connection: Connection, statement: Any, parameters: Mapping[str, Any] | None
) -> StatementResult | CursorResult[Any]:
    if isinstance(statement, Prepared):
        return statement.run(connection, parameters)
    result: CursorResult[Any] = connection.execute(statement, parameters)
    return result


def first(
    connection: Connection, table: type[M], statement: Any, parameters: Mapping[str, Any] | None = None
) -> M | None:
    """The first row of `select(table.__table__)…` as an object of `table`, or `None`, with the bound `parameters`."""
    result = _executed(connection, statement, parameters)
    names, row = result.keys(), result.first()
    return built(table, names, row) if row else None


def exactly_one(
    connection: Connection, table: type[M], statement: Any, parameters: Mapping[str, Any] | None = None
) -> M:
    """`first` for a row that is known to be there, as what was just inserted is; raises `NoResultFound`."""
    result = _executed(connection, statement, parameters)
    return built(table, result.keys(), result.one())


def joined(
    connection: Connection, tables: tuple[type[SQLModel], ...], statement: Any, parameters: Mapping[str, Any]
) -> tuple[Any, ...] | None:
    """The first row of `select(one, other, …)`: an object of each table in turn, then what else was selected.

    One statement where two would do as well: on the hot path each costs more in handing the interpreter over to its
    thread than in the database.
    """
    row = _executed(connection, statement, parameters).first()
    return _apart(tables, row) if row else None


def all_joined(
    connection: Connection, tables: tuple[type[SQLModel], ...], statement: Any, parameters: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """Every row of `select(one, other, …)`, as `joined` has them."""
    return [_apart(tables, row) for row in _executed(connection, statement, parameters)]


def _apart(tables: tuple[type[SQLModel], ...], row: Iterable[Any]) -> tuple[Any, ...]:
    values = iter(row)
    objects = [built(table, _names(table), islice(values, len(_names(table)))) for table in tables]
    return (*objects, *values)


@cache
def _names(table: type[SQLModel]) -> tuple[str, ...]:
    return tuple(columns(table).c.keys())


def many(
    connection: Connection, table: type[M], statement: Any, parameters: Mapping[str, Any] | None = None
) -> list[M]:
    """Every row of `select(table.__table__)…` as objects of `table`, with the bound `parameters`."""
    result = _executed(connection, statement, parameters)
    names = tuple(result.keys())
    return [built(table, names, row) for row in result]


def built(table: type[M], names: Iterable[str], values: Iterable[Any]) -> M:
    """A row as an object: plain values, nothing is validated, tracked or saved. A fifth of `model_construct`'s time."""
    row: M = table.__new__(table)
    row.__dict__.update(zip(names, values, strict=True))
    return row


def columns(table: type[SQLModel]) -> Table:
    """The Core table behind a SQLModel class, for statements."""
    core_table: Table = table.__table__  # type: ignore[attr-defined]
    return core_table
