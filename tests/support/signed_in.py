"""A tool that a person has signed in to, on a clock that a test moves: the real servers, the real store."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import Connection, select

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.agents.tools.mcp.authorization.provider import Terms
from heartbeat.agents.tools.mcp.authorization.sign_in import (
    Grant,
    finish_sign_in,
    grant_to_machine,
    new_sign_in,
    prepare_client,
)
from heartbeat.agents.tools.mcp.client import list_tools
from heartbeat.domain.ids import new_id
from heartbeat.domain.secret_keys import new_key
from heartbeat.domain.tool_connections import OAuthClient
from heartbeat.domain.tool_pins import pinned_entries
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.tables.bots import Bot, Tool
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.tool_connections import ToolConnection
from heartbeat.store.tools.connections import ensure_connection, save_grant
from heartbeat.tool_servers.grants import sealed_grant
from heartbeat.tool_servers.opening import open_server
from heartbeat.tool_servers.refreshing import Refresher
from tests.support.authorization_server import AuthorizationServer
from tests.support.model_server import ModelServer
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project
from tests.support.tool_server import ToolServer

BACK = "http://127.0.0.1:9/oauth/callback"
HOUR = timedelta(hours=1)


@dataclass
class SignedIn:
    """A bot with one heartbeat and one tool, `desk`, whose server lets in whom `authorization` lets in."""

    database: Database
    settings: Settings
    authorization: AuthorizationServer
    desk: ToolServer
    bot: Bot
    heartbeat: Heartbeat
    tool: Tool
    now: datetime = NOW

    def refresher(self, database: Database | None = None) -> Refresher:
        """What a process of its own has."""
        return Refresher(database or self.database, self.settings, lambda: self.now)

    def row(self) -> ToolConnection:
        table = columns(ToolConnection)
        return self.database.read_now(lambda c: exactly_one(c, ToolConnection, select(table)))

    def beat(self) -> Heartbeat:
        table = columns(Heartbeat)
        by_id = select(table).where(table.c.id == self.heartbeat.id)
        return self.database.read_now(lambda c: exactly_one(c, Heartbeat, by_id))

    def events(self) -> list[Event]:
        table = columns(Event)
        return self.database.read_now(lambda c: many(c, Event, select(table).order_by(table.c.id)))

    def server(self, refresher: Refresher | None = None) -> McpServer:
        """The tool's server as a run has it."""
        refresher = refresher or self.refresher()
        return open_server(refresher.keyring, self.tool, self.row(), refresher)

    async def sign_in(self, scopes: Sequence[str] = ()) -> ToolConnection:
        """Do what a person does, and the product before and after it."""
        server = McpServer(self.tool.uuid, "desk", "http", self.desk.url)
        client, scope = await prepare_client(server, Terms(BACK, scopes=tuple(scopes)), self.settings)
        sign_in = new_sign_in(client, scope, BACK)
        query = parse_qs(urlsplit(self.authorization.approve(sign_in.authorize_url)).query)
        grant = await finish_sign_in(sign_in.context, query["code"][0], query["iss"][0], self.settings)
        return await self.database.write(self._save, client, grant, {})

    async def sign_in_as_machine(self) -> ToolConnection:
        """Let a client of its own sign in, in place of the person."""
        self.authorization.add_client("me", "s3cret", grant_types=["client_credentials"])
        given = OAuthClient(origin="given", information={"client_id": "me", "client_secret": "s3cret"})
        server = McpServer(self.tool.uuid, "desk", "http", self.desk.url)
        terms = Terms(BACK, client=given, grant_type="client_credentials")
        client, scope = await prepare_client(server, terms, self.settings)
        grant = await grant_to_machine(client, scope, self.settings)
        return await self.database.write(self._save, client, grant, {"grant_type": "client_credentials"})

    async def pin(self) -> None:
        """Pin what the server offers, as connecting it does."""
        listing = await list_tools(self.server(), self.settings)
        table = columns(Tool)
        entries = pinned_entries(list(listing.tools.values()), [])
        change = table.update().where(table.c.id == self.tool.id).values(tools=entries).returning(table)
        self.tool = await self.database.write(lambda c: exactly_one(c, Tool, change))

    def _save(
        self, connection: Connection, client: OAuthClient, grant: Grant, fields: dict[str, Any]
    ) -> ToolConnection:
        row = ensure_connection(connection, self.tool.id, None, fields, self.now)
        sealed = sealed_grant(self.refresher().keyring, row.uuid, client, grant, self.now)
        saved = save_grant(connection, row.uuid, sealed, self.now)
        assert saved is not None
        return saved


@pytest.fixture
async def signed_in(database: Database, model: ModelServer) -> AsyncIterator[SignedIn]:
    settings = Settings(
        _env_file=None,
        database_url=database.url,
        openai_base_url=model.base_url,
        openai_api_key="test-key",
        egress_allow=["127.0.0.1"],
        secret_keys=new_key(),
    )
    with (
        contextlib.closing(AuthorizationServer()) as authorization,
        contextlib.closing(ToolServer(authorization=authorization)) as desk,
    ):

        def seed(connection: Connection) -> tuple[Any, ...]:
            bot = a_bot(connection, a_project(connection))
            return bot, a_heartbeat(connection, bot), a_tool(connection, bot, desk.url)

        world = SignedIn(database, settings, authorization, desk, *await database.write(seed))
        authorization.register.now = lambda: world.now.timestamp()
        await world.sign_in()
        yield world


def a_tool(connection: Connection, bot: Bot, url: str, **fields: Any) -> Tool:
    table = columns(Tool)
    usual = {"uuid": new_id("tool"), "bot_id": bot.id, "server_label": "desk", "server_url": url, "transport": "http"}
    row = Tool.model_construct(**{**usual, "created_at": NOW, "updated_at": NOW, **fields})
    return exactly_one(connection, Tool, table.insert().values(row.model_dump(exclude={"id"})).returning(table))
