"""What pages show of tool calls that a person is asked about: arguments as names and texts, never as JSON."""

import json
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from api.dashboard.sentences import translate
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views import formats, heartbeats
from api.dashboard.views.formats import Moment, moment
from heartbeat.store.overview.waiting import PendingApproval
from heartbeat.store.runs.details import parsed
from heartbeat.store.runs.parks import BUDGET, Need
from heartbeat.store.tables.runs import Approval

Argument = tuple[str, str]

# Who gets what is given to a run that waits for credits.
GIVES = {
    "run": marked("They are for this run alone, beyond its cap."),
    "heartbeat": marked("They are for the heartbeat, beyond its budget of this period."),
    "bot": marked("They are for the bot, beyond its budget of this period."),
    "project": marked("They are for the project, beyond its budget of this period."),
    "plan": marked("They are the plan's: the operator can grant the project more."),
}


@dataclass(frozen=True)
class ParkView:
    """What a run waits for: so many more `credits`, if they can be given here, of which so many are `missing`.

    `gives` says whose they are; `renews` is when a new period begins, if that is before it is too late.
    """

    credits: int | None
    missing: int
    gives: str
    renews: Moment | None


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
    park: ParkView | None


def approval_view(pending: PendingApproval, now: datetime) -> ApprovalView:
    """Show an approval, with times in its heartbeat's time zone."""
    row, zone = pending.approval, ZoneInfo(pending.heartbeat.timezone)
    late = row.state == "pending" and row.expires_at <= now
    return ApprovalView(
        uuid=row.uuid,
        tool=_("More credits") if row.reason == BUDGET else formats.tool(row.tool),
        arguments=_given(row) if row.reason == BUDGET else arguments(parsed(row.arguments)),
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
        park=park_view(row, zone, now) if row.reason == BUDGET else None,
    )


def park_view(row: Approval | Row[Any], zone: tzinfo, now: datetime) -> ParkView:
    """Show what a run waits for."""
    need = Need.of_park(row)
    renews_at = datetime.fromisoformat(need.until) if need.until else None
    renews = moment(renews_at, zone, now) if renews_at and renews_at < row.expires_at else None
    return ParkView(row.credits, need.missing, _(GIVES[need.of]), renews)


def _given(row: Approval) -> list[Argument]:
    """List how many credits were given, if any were."""
    return [(_("Credits"), formats.number(row.credits))] if row.state == "approved" and row.credits else []


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
