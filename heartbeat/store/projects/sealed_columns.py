"""The columns that hold sealed texts, each with what its texts are bound to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Table

from heartbeat.secrets.connections import client_row, sign_in_row, tokens_row
from heartbeat.secrets.gates import gate_row
from heartbeat.secrets.keyring import config_row, headers_row, url_row
from heartbeat.secrets.second_factor import totp_row
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Target
from heartbeat.store.tables.tool_connections import PendingSignIn, ToolConnection
from heartbeat.store.tables.users import User

TOOL, TARGET, HEARTBEAT = columns(Tool), columns(Target), columns(Heartbeat)
CONNECTION, SIGN_IN, USER = columns(ToolConnection), columns(PendingSignIn), columns(User)


@dataclass(frozen=True)
class SealedColumn:
    """One column of sealed texts; `row_name` is what a text is bound to, by the id that `key` has of it."""

    table: Table
    text: Column[Any]
    row_name: Callable[[str], str]
    key: ColumnElement[Any]


SEALED_COLUMNS = (
    SealedColumn(TOOL, TOOL.c.sealed_headers, headers_row, TOOL.c.uuid),
    SealedColumn(TOOL, TOOL.c.sealed_url, url_row, TOOL.c.uuid),
    SealedColumn(TARGET, TARGET.c.sealed_config, config_row, TARGET.c.uuid),
    SealedColumn(CONNECTION, CONNECTION.c.sealed_client, client_row, CONNECTION.c.uuid),
    SealedColumn(CONNECTION, CONNECTION.c.sealed_tokens, tokens_row, CONNECTION.c.uuid),
    SealedColumn(SIGN_IN, SIGN_IN.c.sealed_context, sign_in_row, SIGN_IN.c.uuid),
    SealedColumn(HEARTBEAT, HEARTBEAT.c.sealed_gate_headers, gate_row, HEARTBEAT.c.gate["id"].as_string()),
    SealedColumn(USER, USER.c.sealed_totp_secret, totp_row, USER.c.uuid),
)
