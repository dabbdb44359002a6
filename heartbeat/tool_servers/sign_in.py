"""Sign in to a tool server: a person is sent to its authorization server, comes back with a code, and it is connected.

The network is spoken to between transactions, never inside one. Between the two ways stands a row, so another process
may take up what one began.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from heartbeat.domain.clock import Clock
from heartbeat.domain.errors import Conflict, NotFound, ProductError
from heartbeat.domain.ids import new_id
from heartbeat.domain.tool_connections import OAuthClient
from heartbeat.secrets.connections import open_client, open_sign_in, seal_sign_in
from heartbeat.secrets.keyring import Keyring
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.tool_connections import PendingSignIn, ToolConnection
from heartbeat.store.tools import connections as store
from heartbeat.store.tools.servers import lock_tool_by_id, tool_by_id
from heartbeat.tool_servers.grants import load, sealed_grant
from heartbeat.tool_servers.opening import open_server

if TYPE_CHECKING:
    from heartbeat.agents.tools.mcp.authorization.sign_in import Grant, SignIn

CALLBACK, DOCUMENT = "/oauth/callback", "/oauth/client.json"
UNKNOWN = (
    "This sign-in was completed already, took too long, or was begun in another browser. Begin it again from the tool."
)

TOOL_CHANGED = "Somebody else changed this tool at the same time; read it, and try again."


class SignInFailed(ProductError):
    """400: the server or its authorization server stands in the way. `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code, 400)


class ShowFirst(ProductError):
    """409: people sign in on another host, which has to be shown to one first."""

    def __init__(self, issuer: str) -> None:
        words = f"People sign in to this server at {issuer}, which is on another host; go there only if you trust it."
        super().__init__(words, "another_host", 409)
        self.issuer = issuer


@dataclass(frozen=True)
class SignInRequest:
    """Who wants to sign in to which tool.

    `base_url` is where the person's browser reaches us. `shown_issuer` is the authorization server that was shown or
    named. `browser` is the value of the cookie of the browser that begins it, and `return_path` a page of ours.
    """

    tool: Tool
    base_url: str
    member_id: int | None = None
    shown_issuer: str | None = None
    browser: str | None = None
    return_path: str | None = None


@dataclass(frozen=True)
class CallbackFields:
    """What a browser brings back."""

    state: str
    code: str = ""
    iss: str | None = None
    error: str = ""


@dataclass(frozen=True)
class Finished:
    """Somebody came back: the tool is connected, unless `problem` says otherwise."""

    tool: Tool
    connection: ToolConnection
    return_path: str | None
    problem: str = ""


class SignIns:
    """Sign-ins to tool servers, with the parts of a process that they need."""

    def __init__(self, database: Database, settings: Settings, now: Clock) -> None:
        self._database = database
        self._settings = settings
        self._now = now

    async def begin(self, request: SignInRequest) -> str:
        """Return the address at which a person signs in. Raises `ShowFirst`, `SignInFailed` and `CannotOpen`."""
        await load()
        from heartbeat.agents.tools.mcp.authorization.sign_in import new_sign_in

        own = await self._database.read_inline(store.connection_of, request.tool.id)
        client, scope = await self._client(request, own)
        sign_in = new_sign_in(client, scope, request.base_url.rstrip("/") + CALLBACK)
        await self._database.write(self._remember, request, sign_in)
        return sign_in.authorize_url

    async def find_issuer(self, tool: Tool) -> str | None:
        """Find out where people sign in to a tool, and send nothing there; `None` when it does not say."""
        await load()
        from heartbeat.agents.tools.mcp.authorization.problems import (
            AnotherHost,
            AuthorizationProblem,
            NoAuthorization,
        )
        from heartbeat.agents.tools.mcp.authorization.provider import Terms
        from heartbeat.agents.tools.mcp.authorization.sign_in import prepare_client

        terms = Terms("http://127.0.0.1" + CALLBACK, only_looks=True)
        try:
            await prepare_client(open_server(self._keyring(), tool, None), terms, self._settings)
        except AnotherHost as found:
            return found.issuer
        except (NoAuthorization, AuthorizationProblem):
            pass
        return None

    async def connect_machine(self, tool: Tool) -> ToolConnection:
        """Sign in as the client that was given, which takes no person. Raises `ShowFirst` and `SignInFailed`."""
        await load()
        from heartbeat.agents.tools.mcp.authorization.problems import AuthorizationProblem
        from heartbeat.agents.tools.mcp.authorization.sign_in import grant_to_machine

        own = await self._database.read_inline(store.connection_of, tool.id)
        client, scope = await self._client(SignInRequest(tool, "http://127.0.0.1"), own)
        assert own is not None, "its client was given with it"
        began = self._now()
        try:
            grant = await grant_to_machine(client, scope, self._settings)
        except AuthorizationProblem as problem:
            raise SignInFailed(problem.code, str(problem)) from None
        return await self._save(own, client, grant, began)

    async def finish(self, fields: CallbackFields, browser: str | None) -> Finished:
        """Take what was granted to a person who came back. Raises `Conflict` when nobody was sent."""
        await load()
        from heartbeat.agents.tools.mcp.authorization.problems import AuthorizationProblem
        from heartbeat.agents.tools.mcp.authorization.sign_in import finish_sign_in

        # Anybody may come here with any state: those that are none take no lock.
        if not await self._database.read_inline(store.is_awaited, fields.state):
            raise Conflict("unknown_sign_in", UNKNOWN)
        pending = await self._database.write(store.take_sign_in, fields.state, browser, self._now())
        if pending is None:
            raise Conflict("unknown_sign_in", UNKNOWN)
        tool, connection = await self._database.read(_tool_of, pending)
        if fields.error == "invalid_scope" and connection.scopes:
            # Else each further sign-in would ask for what nobody grants.
            await self._database.write(store.note, connection.id, {"wanted_scopes": []}, self._now())
        if fields.error or not fields.code:
            words = "The authorization server did not let us in: the sign-in was refused or given up."
            return Finished(tool, connection, pending.return_path, words)
        context = open_sign_in(self._keyring(), pending.uuid, pending.sealed_context)
        began = self._now()
        try:
            grant = await finish_sign_in(context, fields.code, fields.iss, self._settings)
        except AuthorizationProblem as problem:
            return Finished(tool, connection, pending.return_path, str(problem))
        connection = await self._save(connection, context.client, grant, began)
        return Finished(tool, connection, pending.return_path)

    async def _client(self, request: SignInRequest, own: ToolConnection | None) -> tuple[OAuthClient, str | None]:
        """Have a client at the authorization server; returns it and what it will ask for."""
        from heartbeat.agents.tools.mcp.authorization.problems import (
            AnotherHost,
            AuthorizationProblem,
            NoAuthorization,
        )
        from heartbeat.agents.tools.mcp.authorization.provider import Terms
        from heartbeat.agents.tools.mcp.authorization.sign_in import prepare_client

        keyring, base_url = self._keyring(), request.base_url.rstrip("/")
        client = open_client(keyring, own.uuid, own.sealed_client) if own else None
        given = client if client and client.origin == "given" else None
        terms = Terms(
            base_url + CALLBACK,
            own.grant_type if own else "authorization_code",  # type: ignore[arg-type]
            # The one that its client was given for, or that somebody signed in at: not what the server said since.
            request.shown_issuer or (client.issuer if client else None),
            tuple(await self._scopes(request, own)),
            base_url + DOCUMENT if base_url.startswith("https://") else None,
            given,
        )
        try:
            return await prepare_client(open_server(keyring, request.tool, None), terms, self._settings)
        except AnotherHost as stopped:
            raise ShowFirst(stopped.issuer) from None
        except NoAuthorization:
            words = f"{request.tool.server_label} does not say how people sign in to it; connect it with headers."
            raise SignInFailed("no_authorization", words) from None
        except AuthorizationProblem as problem:
            raise SignInFailed(problem.code, str(problem)) from None

    async def _scopes(self, request: SignInRequest, own: ToolConnection | None) -> list[str]:
        """What to ask for: what was missed the last time, what was granted then, or what was said of the tool."""
        mine = await self._database.read_inline(store.connection_of, request.tool.id, request.member_id)
        known = [row for row in (mine, own) if row is not None]
        return next((scopes for row in known if (scopes := row.wanted_scopes or row.scopes)), [])

    def _remember(self, connection: Connection, request: SignInRequest, sign_in: "SignIn") -> None:
        now, uuid = self._now(), new_id("signin")
        _require_as_asked(connection, request)
        row = store.ensure_connection(connection, request.tool.id, request.member_id, {}, now)
        sealed = seal_sign_in(self._keyring(), uuid, sign_in.context)
        pending = store.NewSignIn(uuid, row.id, sign_in.state, sealed, request.browser, request.return_path)
        store.begin_sign_in(connection, pending, now)

    async def _save(
        self, connection: ToolConnection, client: OAuthClient, grant: "Grant", began: datetime
    ) -> ToolConnection:
        sealed = sealed_grant(self._keyring(), connection.uuid, client, grant, began)
        row = await self._database.write(store.save_grant, connection.uuid, sealed, self._now())
        if row is None:
            raise Conflict("tool_deleted", "This tool was disconnected meanwhile, so nothing of the sign-in was kept.")
        return row

    def _keyring(self) -> Keyring:
        return Keyring.from_settings(self._settings)


def _require_as_asked(connection: Connection, request: SignInRequest) -> None:
    """Raises `Conflict` when the tool was pointed elsewhere, or is gone, since its server was asked how to sign in."""
    before = request.tool
    tool = lock_tool_by_id(connection, before.id)
    is_same = tool is not None and (tool.server_url, tool.sealed_url) == (before.server_url, before.sealed_url)
    if not (is_same and store.invited(connection, before.uuid, request.member_id)):
        raise Conflict("tool_changed", TOOL_CHANGED)


def _tool_of(connection: Connection, pending: PendingSignIn) -> tuple[Tool, ToolConnection]:
    row = store.connection_by_id(connection, pending.connection_id)
    tool = tool_by_id(connection, row.tool_id) if row else None
    if row is None or tool is None:
        raise NotFound("tool", "")
    return tool, row
