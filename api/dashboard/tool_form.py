"""The forms of a tool server: what was typed or ticked, made into the API's requests, and a row made into a form."""

from collections.abc import Mapping
from typing import Any

from api.dashboard.edited_meanwhile import secret_mark, with_loaded
from api.dashboard.forms import Form
from heartbeat.domain.errors import Invalid
from heartbeat.domain.redaction import shown_address
from heartbeat.gallery.tool_templates import ToolTemplate
from heartbeat.store.tables.bots import Tool

KEEP, REPLACE, FORGET = "keep", "replace", "forget"
NEW = Form([("transport", "http"), ("require_approval", "never"), ("elicitation", "decline")])
PLAIN = ("server_label", "server_url", "transport")
LIMITS = ("timeout_seconds", "result_bytes")


def new_values_of(form: Form) -> dict[str, Any]:
    """Return the body of a create; raises `Invalid` for headers that are none."""
    values: dict[str, Any] = {name: form.get(name) for name in (*PLAIN, "require_approval")}
    values |= {**limits_of(form), "risks": form.all("risks"), "headers": headers_of(form.get("headers")) or None}
    return {**values, "elicitation": form.get("elicitation") or None, "per_member": bool(form.get("per_member"))}


def form_of_template(template: ToolTemplate) -> Form:
    """Return the form of a new server, filled with a well-known one."""
    fields = [("server_label", template.server_label), ("server_url", template.server_url)]
    fields.append(("transport", template.transport))
    return NEW.replaced([*fields, *(("risks", risk) for risk in template.risks)])


def values_of(form: Form) -> dict[str, Any]:
    """Return the body of an update, without headers that are to stay; raises `Invalid` for what is missing."""
    for name in PLAIN:
        if not form.get(name):
            # An update of the API leaves it as it is.
            raise Invalid(name, "must not be empty")
    values = {**{name: form.get(name) for name in PLAIN}, **limits_of(form), "risks": form.all("risks")}
    values["elicitation"] = form.get("elicitation") or None
    if form.get("keep_headers") == FORGET:
        return {**values, "headers": None}
    if form.get("keep_headers") != REPLACE:
        return values
    headers = headers_of(form.get("headers"))
    if not headers:
        raise Invalid("headers", "write at least one, or choose to forget those that are kept")
    return {**values, "headers": headers}


def limits_of(form: Form) -> dict[str, str | None]:
    """Return the server's own limits; what is left empty is the installation's."""
    return {name: form.get(name).strip() or None for name in LIMITS}


def headers_of(text: str) -> dict[str, str]:
    """Read headers, one a line; raises `Invalid`, which repeats no value."""
    headers: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, value = line.partition(":")
        if not colon or name.strip() in headers:
            raise Invalid("headers", "write one a line, each name once, such as Authorization: Bearer …")
        headers[name.strip()] = value.strip()
    return headers


def saved_values(tool: Tool) -> dict[str, Any]:
    """Return what is saved, as `wanted_values` returns what a form asks for."""
    return {
        "server_label": tool.server_label,
        "server_url": shown_address(tool.server_url),
        "transport": tool.transport,
        **{name: str(getattr(tool, name) or "") for name in LIMITS},
        "headers": secret_mark(tool.sealed_headers),
        "risks": sorted(tool.risks),
        "elicitation": tool.elicitation,
    }


def wanted_values(form: Form, tool: Tool) -> dict[str, Any]:
    """Return what a form asks for, to be compared; headers that are typed are none that are kept."""
    kept = {KEEP: secret_mark(tool.sealed_headers), FORGET: ""}
    headers = kept.get(form.get("keep_headers") or KEEP, REPLACE)
    typed = {name: form.get(name) for name in (*PLAIN, *LIMITS)}
    typed["elicitation"] = form.get("elicitation") or tool.elicitation
    return {**typed, "headers": headers, "risks": sorted(form.all("risks"))}


def form_of(tool: Tool) -> Form:
    """Return the form of a server as it is; its headers are kept, and its address is without its query."""
    fields = [("server_label", tool.server_label), ("server_url", shown_address(tool.server_url))]
    fields += [("transport", tool.transport), ("keep_headers", KEEP), ("elicitation", tool.elicitation)]
    fields += [(name, str(limit)) for name in LIMITS if (limit := getattr(tool, name)) is not None]
    form = Form([*fields, *(("risks", risk) for risk in tool.risks)])
    return with_loaded(form, saved_values(tool))


def use_form(tool: Tool) -> Form:
    """Return the form that says which of a server's tools are used, each named by its place, and which ask first."""
    active = [("active", str(place)) for place, entry in enumerate(tool.tools) if entry["is_active"]]
    asks = [("asks", str(place)) for place, entry in enumerate(tool.tools) if needs_approval(tool, entry)]
    form = Form([("require_approval", tool.require_approval), *active, *asks])
    return with_loaded(form, saved_use(tool))


def saved_use(tool: Tool) -> dict[str, Any]:
    """Return which tools are used and which ask first, as `wanted_use` returns what a form asks for."""
    return {
        "require_approval": tool.require_approval,
        "active": [entry["name"] for entry in tool.tools if entry["is_active"]],
        "asks": sorted(tool.approval_tools),
    }


def wanted_use(form: Form, tool: Tool) -> dict[str, Any]:
    approval = approval_of(form, tool)
    return {
        "require_approval": form.get("require_approval"),
        "active": [name for name, used in switches_of(form, tool).items() if used],
        "asks": sorted(approval) if isinstance(approval, list) else [],
    }


def switches_of(form: Form, tool: Tool) -> dict[str, bool]:
    """Return which of the server's tools are ticked to be used; the form names each by its place among `tool.tools`."""
    active = set(form.all("active"))
    return {entry["name"]: str(place) in active for place, entry in enumerate(tool.tools)}


def approval_of(form: Form, tool: Tool) -> Any:
    """Return the body's `require_approval`: never, always, or a list of names.

    A tool that its server does not offer just now keeps needing an approval.
    """
    choice = form.get("require_approval")
    if choice != "tool-specific":
        return choice
    ticked, names = set(form.all("asks")), [entry["name"] for entry in tool.tools]
    absent = [name for name in tool.approval_tools if name not in names]
    return [*(name for place, name in enumerate(names) if str(place) in ticked), *absent]


def needs_approval(tool: Tool, entry: Mapping[str, Any]) -> bool:
    """Whether the calls of one tool wait for a person by the server's registration."""
    if tool.require_approval == "tool-specific":
        return entry["name"] in tool.approval_tools
    return tool.require_approval == "always"
