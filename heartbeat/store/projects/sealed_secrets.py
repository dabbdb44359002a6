"""Every sealed text of the database, for `heartbeat doctor`."""

from sqlalchemy import Connection, select

from heartbeat.secrets.keyring import config_row, headers_row
from heartbeat.store.rows import columns
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.notifications import Target

TOOL, TARGET = columns(Tool), columns(Target)


def sealed_texts(connection: Connection) -> list[tuple[str, str]]:
    """List every sealed text with the name of the row it is bound to: (row, text)."""
    headers = select(TOOL.c.uuid, TOOL.c.sealed_headers).where(TOOL.c.sealed_headers.is_not(None))
    configs = select(TARGET.c.uuid, TARGET.c.sealed_config).where(TARGET.c.sealed_config.is_not(None))
    return [
        *((headers_row(uuid), text) for uuid, text in connection.execute(headers)),
        *((config_row(uuid), text) for uuid, text in connection.execute(configs)),
    ]
