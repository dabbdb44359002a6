"""What pages show of tool calls that a person is asked about: arguments as names and texts, never as JSON."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from api.dashboard.sentences import translate
from api.dashboard.translations import gettext as _
from api.dashboard.views import formats, heartbeats
from api.dashboard.views.formats import Moment, moment
from heartbeat.store.overview.waiting import PendingApproval
from heartbeat.store.runs.details import parsed

Argument = tuple[str, str]


@dataclass(frozen=True)
class ApprovalView:
    """One call that somebody is asked about, and what was said. `state` is expired as soon as it is too late."""

    uuid: str
    tool: str
    arguments: list[Argument]
    state: str
    why: str
    by: str | None
    requested: Moment
    expires: Moment
    decided: Moment | None
    run: str
    bot: str
    title: str
    place: str | None


def approval_view(pending: PendingApproval, now: datetime) -> ApprovalView:
    """Show an approval, with times in its heartbeat's time zone."""
    row, zone = pending.approval, ZoneInfo(pending.heartbeat.timezone)
    late = row.state == "pending" and row.expires_at <= now
    return ApprovalView(
        uuid=row.uuid,
        tool=formats.tool(row.tool),
        arguments=arguments(parsed(row.arguments)),
        state="expired" if late else row.state,
        why=translate(row.why),
        by=row.decided_by,
        requested=moment(row.created_at, zone, now),
        expires=moment(row.expires_at, zone, now),
        decided=moment(row.decided_at, zone, now) if row.decided_at else None,
        run=pending.run_uuid,
        bot=pending.bot_name,
        title=heartbeats.title(pending.heartbeat),
        place=heartbeats.page_path(pending.heartbeat),
    )


def arguments(call: Any) -> list[Argument]:
    """List each argument's name and value in the order of the call; arguments that are no object have no name."""
    if not isinstance(call, dict):
        return [("", _text(call))] if call not in (None, "") else []
    return [(name, _text(value)) for name, value in call.items()]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if value is None:
        return _("nothing")
    if isinstance(value, list) and value and all(isinstance(one, str | int | float) for one in value):
        return ", ".join(_text(one) for one in value)
    if isinstance(value, dict) and value and all(isinstance(one, str | int | float) for one in value.values()):
        return "\n".join(f"{name}: {_text(one)}" for name, one in value.items())
    return json.dumps(value, indent=2, ensure_ascii=False)
