"""The columns that hold sealed texts: read whole by `heartbeat doctor`, sealed anew by `heartbeat secrets rotate`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Table, select, update

from heartbeat.secrets.connections import client_row, sign_in_row, tokens_row
from heartbeat.secrets.keyring import config_row, headers_row, url_row
from heartbeat.store.rows import columns
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.notifications import Target
from heartbeat.store.tables.tool_connections import PendingSignIn, ToolConnection

TOOL, TARGET = columns(Tool), columns(Target)
CONNECTION, SIGN_IN = columns(ToolConnection), columns(PendingSignIn)


@dataclass(frozen=True)
class SealedColumn:
    """One column of sealed texts; `row_name` is what a text is bound to, by its row's public id."""

    table: Table
    text: Column[Any]
    row_name: Callable[[str], str]


SEALED_COLUMNS = (
    SealedColumn(TOOL, TOOL.c.sealed_headers, headers_row),
    SealedColumn(TOOL, TOOL.c.sealed_url, url_row),
    SealedColumn(TARGET, TARGET.c.sealed_config, config_row),
    SealedColumn(CONNECTION, CONNECTION.c.sealed_client, client_row),
    SealedColumn(CONNECTION, CONNECTION.c.sealed_tokens, tokens_row),
    SealedColumn(SIGN_IN, SIGN_IN.c.sealed_context, sign_in_row),
)


def sealed_texts(connection: Connection) -> list[tuple[str, str]]:
    """List every sealed text with the name of the row it is bound to: (row, text)."""
    return [
        (column.row_name(uuid), text)
        for column in SEALED_COLUMNS
        for uuid, text in connection.execute(select(column.table.c.uuid, column.text).where(column.text.is_not(None)))
    ]


def seal_anew(
    connection: Connection, column: SealedColumn, after_id: int, limit: int, reseal: Callable[[str, str], str | None]
) -> int | None:
    """Replace the next `limit` texts of a column by `reseal(text, row_name)`; `None` leaves one as it is.

    Returns the last row's id, to go on after, or `None` when there are no more.
    """
    table = column.table
    wanted = select(table.c.id, table.c.uuid, column.text).where(column.text.is_not(None), table.c.id > after_id)
    rows = connection.execute(wanted.order_by(table.c.id).limit(limit).with_for_update()).all()
    for row_id, uuid, text in rows:
        sealed = reseal(text, column.row_name(uuid))
        if sealed is not None:
            connection.execute(update(table).where(table.c.id == row_id).values({column.text: sealed}))
    return rows[-1].id if rows else None
