"""`heartbeat tool connect`: sign in to a tool server with a browser, from a terminal."""

import asyncio
from contextlib import closing
from datetime import datetime

import typer
from sqlalchemy import Connection

from heartbeat.cli.database import opened_database
from heartbeat.domain.clock import utc_now
from heartbeat.domain.errors import NotFound
from heartbeat.domain.tool_connections import CONNECTED
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.tool_connections import ToolConnection
from heartbeat.store.tools.connections import connection_of
from heartbeat.store.tools.servers import tool_by_uuid
from heartbeat.tool_servers.links import public_url
from heartbeat.tool_servers.sign_in import ShowFirst, SignInFailed, SignInRequest, SignIns

LOOK_SECONDS = 1.0
PER_MEMBER = (
    "Each subscriber signs in to this tool: make a link for one on its page, or with POST /v1/bot/tool/ID/connect."
)


def connect_tool(settings: Settings, tool_uuid: str, *, goes_anywhere: bool) -> None:
    """Print where to sign in, and wait until somebody did. Raises `NotFound` and what signing in raises."""
    with closing(opened_database(settings)) as database:
        asyncio.run(_connect(database, settings, tool_uuid, goes_anywhere))


async def _connect(database: Database, settings: Settings, tool_uuid: str, goes_anywhere: bool) -> None:
    tool, own = await database.read(_tool, tool_uuid)
    if tool.per_member:
        raise SignInFailed("per_member", PER_MEMBER)
    sign_ins, began = SignIns(database, settings, utc_now), utc_now()
    if own is not None and own.grant_type == "client_credentials":
        await sign_ins.connect_machine(tool)
    else:
        url = await _begin(sign_ins, SignInRequest(tool, public_url(settings)), goes_anywhere)
        typer.echo(f"Sign in here, within an hour:\n\n    {url}\n\nWaiting; Ctrl-C leaves.")
        await _wait(database, tool, began)
    typer.echo(f"{tool.server_label} is connected.")


async def _wait(database: Database, tool: Tool, began: datetime) -> None:
    while True:
        if await database.read(_is_connected, tool.id, began):
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _begin(sign_ins: SignIns, request: SignInRequest, goes_anywhere: bool) -> str:
    try:
        return await sign_ins.begin(request)
    except ShowFirst as stopped:
        if not goes_anywhere:
            typer.confirm(f"{stopped.message} Go on?", abort=True)
        again = SignInRequest(request.tool, request.base_url, shown_issuer=stopped.issuer)
        return await sign_ins.begin(again)


def _tool(connection: Connection, tool_uuid: str) -> tuple[Tool, ToolConnection | None]:
    tool = tool_by_uuid(connection, tool_uuid)
    if tool is None:
        raise NotFound("tool", tool_uuid[:64])
    return tool, connection_of(connection, tool.id)


def _is_connected(connection: Connection, tool_id: int, began: datetime) -> bool:
    own = connection_of(connection, tool_id)
    if own is None:
        raise NotFound("tool", str(tool_id))
    return own.state == CONNECTED and own.connected_at is not None and own.connected_at >= began
