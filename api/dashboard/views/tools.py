"""What a page shows of tool servers: what they offer, and how what changed differs. No address but its host."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from api.dashboard.sentences import translate
from api.dashboard.translations import gettext as _
from api.dashboard.views.formats import Moment, count, moment
from heartbeat.store.overview.waiting import ListedServer
from heartbeat.store.tables.bots import Tool


@dataclass(frozen=True)
class ChangeView:
    """A tool that is not used any more, for it changed: as a unified diff, or gone."""

    name: str
    gone: bool
    difference: str
    seen: Moment


@dataclass(frozen=True)
class ServerView:
    """A tool server of a bot. `state` is a chip: its kind and its words."""

    uuid: str
    label: str
    bot: str
    host: str
    state: tuple[str, str]
    error: str
    refreshed: Moment | None
    changes: list[ChangeView]


def server_view(listed: ListedServer, now: datetime) -> ServerView:
    """Show a server and its tools that changed."""
    tool = listed.tool
    changed = [(entry["name"], entry["changed"]) for entry in tool.tools if entry["changed"]]
    return ServerView(
        uuid=tool.uuid,
        label=tool.server_label,
        bot=listed.bot_name,
        host=urlsplit(tool.server_url).hostname or "",
        state=_state(tool, len(changed)),
        error=translate(tool.last_error or ""),
        refreshed=moment(tool.refreshed_at, UTC, now) if tool.refreshed_at else None,
        changes=[change_view(name, change, now) for name, change in changed],
    )


def change_view(name: str, change: Mapping[str, Any], now: datetime) -> ChangeView:
    """Show what a run found of a tool, as `Tool.tools` has it under `changed`."""
    return ChangeView(name, change["gone"], change["difference"], moment(_read(change["seen_at"]), UTC, now))


def _state(tool: Tool, changed: int) -> tuple[str, str]:
    """What of a server asks for a person first: a change, then that it offers nothing, then that something is amiss."""
    offered = count(len(tool.tools), "tool")
    if changed:
        return "pending", _("{tools} changed").format(tools=count(changed, "tool"))
    if not tool.is_enabled:
        return "off", _("Off")
    if tool.last_error:
        return (
            ("warning", _("{tools}, with a problem").format(tools=offered)) if tool.tools else ("error", _("No tools"))
        )
    return "on", offered


def _read(instant: str) -> datetime:
    return datetime.fromisoformat(instant)
