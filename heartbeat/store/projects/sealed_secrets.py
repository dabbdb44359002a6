"""Sealed texts: read whole by `heartbeat doctor`, sealed anew by `heartbeat secrets rotate`."""

from collections.abc import Callable

from sqlalchemy import Connection, select, update

from heartbeat.store.audit.recording import record
from heartbeat.store.projects.projects import projects
from heartbeat.store.projects.sealed_columns import SEALED_COLUMNS, SealedColumn


def sealed_texts(connection: Connection) -> list[tuple[str, str]]:
    """List every sealed text with the name of the row it is bound to: (row, text)."""
    return [
        (column.row_name(key), text)
        for column in SEALED_COLUMNS
        for key, text in connection.execute(select(column.key, column.text).where(column.text.is_not(None)))
    ]


def record_rotation(connection: Connection, key_id: str, count: int) -> None:
    """Record in every project that so many texts of the installation were sealed anew with another secret key."""
    for one in projects(connection):
        changes = {"secret_key": [None, key_id], "sealed_anew": [None, count]}
        record(connection, one.id, "secrets.rotate", one.uuid, one.name, changes)


def seal_anew(
    connection: Connection, column: SealedColumn, after_id: int, limit: int, reseal: Callable[[str, str], str | None]
) -> int | None:
    """Replace the next `limit` texts of a column by `reseal(text, row_name)`; `None` leaves one as it is.

    Returns the last row's id, to go on after, or `None` when there are no more.
    """
    table = column.table
    wanted = select(table.c.id, column.key, column.text).where(column.text.is_not(None), table.c.id > after_id)
    rows = connection.execute(wanted.order_by(table.c.id).limit(limit).with_for_update()).all()
    for row_id, key, text in rows:
        sealed = reseal(text, column.row_name(key))
        if sealed is not None:
            connection.execute(update(table).where(table.c.id == row_id).values({column.text: sealed}))
    return rows[-1].id if rows else None
