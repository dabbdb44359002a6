"""All that a project has, and an id of each kind of it, by table."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, MetaData, Table, false, select

# By which of its columns a row is of a project, if it does not name it itself.
OWNERS = {
    "bot_id": "bot",
    "run_id": "run",
    "heartbeat_id": "heartbeat",
    "tool_id": "tool",
    "target_id": "target",
    "key_id": "api_key",
}


# What each request may write, refused or not: of keys' last use, of limits, of failed sign-ins.
OF_REQUESTS = {"api_key": {"last_used_at", "last_used_from"}}
COUNTS = {"request_window", "rate_limit", "auth_failure"}


def ids_of(connection: Connection, project_id: int, bot_id: int | None = None) -> dict[str, str]:
    """The first public id of everything that a project has; with `bot_id`, of that bot where it is a bot's."""
    tables = _tables(connection)
    return {
        name: connection.scalars(
            select(table.c.uuid).where(_is_of(table, tables, project_id), *_of_bot(table, bot_id)).order_by(table.c.id)
        ).first()
        or ""
        for name, table in tables.items()
        if {"uuid", "id"} <= set(table.c.keys()) and _has_owner(table)
    }


def rows_of(connection: Connection, project_id: int) -> dict[str, list[Any]]:
    """All that a project has; when its key was used last is no change."""
    tables = _tables(connection)
    return {
        name: connection.execute(
            select(*(column for column in table.c if column.name != "last_used_at")).where(
                _is_of(table, tables, project_id)
            )
        ).all()
        for name, table in tables.items()
        if _has_owner(table)
    }


def every_row(connection: Connection) -> dict[str, list[Any]]:
    """The whole database, but for what each request may write."""
    return {
        name: connection.execute(
            select(*(column for column in table.c if column.name not in OF_REQUESTS.get(name, ())))
        ).all()
        for name, table in _tables(connection).items()
        if name not in COUNTS
    }


def unlike(uuid: str) -> str:
    """An id that is written as this one and names nothing."""
    return uuid[:-4] + "0000"


def _of_bot(table: Table, bot_id: int | None) -> list[ColumnElement[bool]]:
    if bot_id is None or not (table.name == "bot" or "bot_id" in table.c):
        return []
    column = table.c.id if table.name == "bot" else table.c.bot_id
    return [(column == bot_id) | column.is_(None)]


def _has_owner(table: Table) -> bool:
    return not {"project_id", *OWNERS}.isdisjoint(table.c.keys())


def _is_of(table: Table, tables: Any, project_id: int) -> ColumnElement[bool]:
    mine = table.c.project_id == project_id if "project_id" in table.c else false()
    if "project_id" in table.c and not table.c.project_id.nullable:
        return mine
    # A session names its project itself, or has a key of it.
    [column, *_] = [column for column in OWNERS if column in table.c]
    owner = tables[OWNERS[column]]
    return mine | table.c[column].in_(select(owner.c.id).where(_is_of(owner, tables, project_id)))


def _tables(connection: Connection) -> Any:
    metadata = MetaData()
    metadata.reflect(connection)
    return metadata.tables
