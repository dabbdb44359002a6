"""The row of a tool server made into a server that can be spoken to: its secrets are opened here and nowhere else."""

from typing import Literal, cast

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.domain.tool_connections import CONNECTED, NEEDS_RECONNECT, NOT_CONNECTED
from heartbeat.secrets.connections import open_tokens
from heartbeat.secrets.keyring import Keyring, open_headers, open_url
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.tool_connections import ToolConnection
from heartbeat.tool_servers.refreshing import Refresher

NOT_SIGNED_IN = "Nobody has signed in to its server yet for whom this run is."
SIGN_IN_AGAIN = "Its server takes our sign-in no more; a person has to sign in to it again."


def open_server(
    keyring: Keyring, tool: Tool, connection: ToolConnection | None, refresher: Refresher | None = None
) -> McpServer:
    """Open the address, the headers and the access token of a tool. Raises `CannotOpen`.

    With a `refresher` the token is renewed when that is needed.
    """
    transport = cast(Literal["http", "sse"], tool.transport)
    url = open_url(keyring, tool.uuid, tool.sealed_url, tool.server_url)
    headers, access = open_headers(keyring, tool.uuid, tool.sealed_headers), None
    if connection is not None and connection.state == CONNECTED:
        # Two of one header are none.
        headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        if refresher is not None:
            # Loads the HTTP client, which a process that speaks to no server has no use for.
            from heartbeat.tool_servers.access import ConnectionAccess

            access = ConnectionAccess(refresher, connection)
        else:
            headers |= _authorization(keyring, connection)
    return McpServer(
        tool.uuid,
        tool.server_label,
        transport,
        url,
        headers,
        access=access,
        unusable=_why_unusable(tool, connection),
        timeout_seconds=tool.timeout_seconds,
        result_bytes=tool.result_bytes,
        elicitation=cast(Literal["decline", "approval"], tool.elicitation),
    )


def _authorization(keyring: Keyring, connection: ToolConnection) -> dict[str, str]:
    tokens = open_tokens(keyring, connection.uuid, connection.sealed_tokens)
    return {"Authorization": f"Bearer {tokens.access_token}"} if tokens else {}


def _why_unusable(tool: Tool, connection: ToolConnection | None) -> str:
    if connection is None:
        return NOT_SIGNED_IN if tool.per_member else ""
    if connection.state == NEEDS_RECONNECT:
        return SIGN_IN_AGAIN
    # One that the bot itself never signed in to may let it in all the same.
    return NOT_SIGNED_IN if tool.per_member and connection.state == NOT_CONNECTED else ""
