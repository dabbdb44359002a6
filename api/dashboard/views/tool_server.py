"""What the page of one tool server shows: each of its tools with its arguments and what it brings with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from api.dashboard.edited_meanwhile import EditedField
from api.dashboard.forms import Form
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views.formats import Moment, moment
from api.dashboard.views.tools import ChangeView, change_view
from heartbeat.domain.redaction import shown_address
from heartbeat.domain.tool_connections import CONNECTED, NEEDS_RECONNECT, NOT_CONNECTED
from heartbeat.domain.tool_risks import declared_risks
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.tool_connections import ToolConnection

RISKS = (
    ("private_data", marked("Reads private data")),
    ("untrusted_text", marked("Reads what strangers wrote")),
    ("outside_action", marked("Acts outside: sends, books, deletes")),
)
APPROVALS = (
    ("never", marked("None")),
    ("always", marked("All, those of new tools too")),
    ("tool-specific", marked("Those ticked below")),
)
ELICITATIONS = (
    ("decline", marked("It hears that nobody answers")),
    ("approval", marked("It waits for your yes")),
)
TRANSPORTS = (("http", marked("Streamable HTTP (the usual one)")), ("sse", marked("SSE (the older one)")))
HEADERS = (
    ("keep", marked("Keep those that are there")),
    ("replace", marked("Replace them")),
    ("forget", marked("Forget them")),
)
# Those of the form that changes the server, and those of the form that says which of its tools are used.
FIELDS = {
    "server_label": EditedField(marked("Name")),
    "server_url": EditedField(marked("Address")),
    "transport": EditedField(marked("How it is spoken to"), dict(TRANSPORTS)),
    "elicitation": EditedField(marked("When its server asks a person something"), dict(ELICITATIONS)),
    "timeout_seconds": EditedField(marked("Seconds")),
    "result_bytes": EditedField(marked("Bytes of an answer")),
    "headers": EditedField(marked("Headers"), parts=("keep_headers", "headers"), is_secret=True),
    "risks": EditedField(marked("Its tools"), dict(RISKS)),
}
USE_FIELDS = {
    "require_approval": EditedField(marked("Calls that wait for your yes"), dict(APPROVALS)),
    "active": EditedField(marked("May be called")),
    "asks": EditedField(marked("Waits for your yes")),
}
DIFFERENCE = {
    "changed": marked("Changed"),
    "gone": marked("Not offered any more"),
    "new": marked("New"),
}
DIFFERENCE_CHIP = {"changed": "pending", "gone": "off", "new": "on"}


@dataclass(frozen=True)
class ArgumentView:
    """An argument of a tool as its schema declares it."""

    name: str
    type: str
    required: bool
    description: str


@dataclass(frozen=True)
class ToolView:
    """One tool of a server. `place` is where it stands among the server's tools; the form names it by that."""

    place: int
    name: str
    description: str
    arguments: list[ArgumentView]
    schema: str
    annotations: str
    risks: list[str]
    active: bool
    asks: bool
    changed: ChangeView | None


@dataclass(frozen=True)
class ServerPage:
    """A server with all that may be shown of it."""

    address: str
    has_query: bool
    header_names: list[str]
    transport: str
    risks: list[str]
    require_approval: str
    refreshed: str
    tools: list[ToolView]


def server_page_view(tool: Tool, form: Form, now: datetime) -> ServerPage:
    """Show a server; `form` says which of its tools are ticked."""
    return ServerPage(
        address=shown_address(tool.server_url),
        has_query=tool.sealed_url is not None or "?" in tool.server_url,
        header_names=tool.header_names,
        transport=_(dict(TRANSPORTS)[tool.transport]),
        risks=[_(dict(RISKS)[risk]) for risk in tool.risks],
        require_approval=tool.require_approval,
        refreshed=revision(tool),
        tools=[_tool_view(tool, place, form, now) for place in range(len(tool.tools))],
    )


@dataclass(frozen=True)
class SignInView:
    """How a server stands that wants to be signed in to. `state` is a chip. `host` is where people sign in.

    `offers`: what the button says; `needs_client`: a client has to be registered there by hand first.
    """

    state: tuple[str, str]
    host: str
    is_elsewhere: bool
    issuer: str
    scopes: list[str]
    connected: Moment | None
    expires: Moment | None
    is_machine: bool
    needs_client: bool
    last_error: str | None

    @property
    def button(self) -> str:
        if self.is_machine:
            return _("Connect")
        return _("Sign in at {host}").format(host=self.host) if self.host else _("Sign in")


SIGN_IN_STATES = {
    NOT_CONNECTED: ("pending", marked("Not signed in")),
    CONNECTED: ("on", marked("Signed in")),
    NEEDS_RECONNECT: ("error", marked("Sign in again")),
}


def sign_in_view(tool: Tool, connection: ToolConnection | None, now: datetime) -> SignInView | None:
    """Show the bot's own connection; `None` for a server that nobody has to sign in to for it."""
    if connection is None or tool.per_member:
        return None
    kind, words = SIGN_IN_STATES[connection.state]
    issuer = urlsplit(connection.issuer or "")
    return SignInView(
        state=(kind, _(words)),
        host=issuer.netloc,
        is_elsewhere=bool(issuer.netloc) and issuer.hostname != urlsplit(tool.server_url).hostname,
        issuer=connection.issuer or "",
        scopes=connection.scopes,
        connected=moment(connection.connected_at, UTC, now) if connection.connected_at else None,
        expires=moment(connection.expires_at, UTC, now) if connection.expires_at else None,
        is_machine=connection.grant_type == "client_credentials",
        needs_client=connection.last_error == "client_needed",
        last_error=connection.last_error,
    )


def revision(tool: Tool) -> str:
    """Name the listing of tools that a form was made from."""
    return tool.refreshed_at.astimezone(UTC).isoformat() if tool.refreshed_at else ""


def _tool_view(tool: Tool, place: int, form: Form, now: datetime) -> ToolView:
    entry = tool.tools[place]
    risks = declared_risks(tool.risks, entry["annotations"])
    return ToolView(
        place=place,
        name=entry["name"],
        description=entry["description"],
        arguments=_arguments(entry["input_schema"]),
        schema=_json(entry["input_schema"]),
        annotations=_json(entry["annotations"]) if entry["annotations"] else "",
        risks=[_(words) for risk, words in RISKS if risk in risks],
        active=str(place) in form.all("active"),
        asks=str(place) in form.all("asks"),
        changed=change_view(entry["name"], entry["changed"], now) if entry["changed"] else None,
    )


def _arguments(schema: Mapping[str, Any]) -> list[ArgumentView]:
    """List what a schema says of its properties. A server may have written anything there."""
    properties, required = schema.get("properties"), schema.get("required")
    names = required if isinstance(required, list) else []
    return [
        ArgumentView(name, _type(one), name in names, _text(one, "description"))
        for name, one in (properties.items() if isinstance(properties, dict) else ())
    ]


def _type(schema: Any) -> str:
    kind = schema.get("type") if isinstance(schema, dict) else None
    return ", ".join(map(str, kind)) if isinstance(kind, list) else kind if isinstance(kind, str) else ""


def _text(schema: Any, name: str) -> str:
    value = schema.get(name) if isinstance(schema, dict) else None
    return value if isinstance(value, str) else ""


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
