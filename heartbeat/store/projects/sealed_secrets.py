"""Everything that is kept sealed, for those who check that it opens."""

from sqlalchemy import Connection, select

from heartbeat.secrets.keyring import config_row, headers_row
from heartbeat.store.rows import columns
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.notifications import Target

TOOL, TARGET = columns(Tool), columns(Target)


def sealed(connection: Connection) -> list[tuple[str, str]]:
    """The name of the row that each sealed text is bound to, and the text."""
    headers = select(TOOL.c.uuid, TOOL.c.sealed_headers).where(TOOL.c.sealed_headers.is_not(None))
    configs = select(TARGET.c.uuid, TARGET.c.sealed_config).where(TARGET.c.sealed_config.is_not(None))
    return [
        *((headers_row(uuid), text) for uuid, text in connection.execute(headers)),
        *((config_row(uuid), text) for uuid, text in connection.execute(configs)),
    ]
