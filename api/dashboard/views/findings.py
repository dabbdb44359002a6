"""What pages show of findings: rows in, words out."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from api.dashboard.views import formats, heartbeats
from api.dashboard.views.formats import Moment, moment
from heartbeat.store.overview.waiting import OpenFindingRow


@dataclass(frozen=True)
class FindingView:
    """One finding. `until` is when a snoozed one is told again."""

    uuid: str
    title: str
    detail: str | None
    severity: str
    state: str
    times: str
    first: Moment
    last: Moment
    until: Moment | None
    bot: str
    heartbeat: str
    place: str | None


def matter(found: OpenFindingRow, now: datetime) -> FindingView:
    """A finding, its times on the wall of its heartbeat's zone."""
    row, where = found.finding, ZoneInfo(found.heartbeat.timezone)
    return FindingView(
        uuid=row.uuid,
        title=row.title,
        detail=row.detail,
        severity=row.severity,
        state=row.state,
        times="once" if row.times_seen == 1 else formats.count(row.times_seen, "time"),
        first=moment(row.first_seen_at, where, now),
        last=moment(row.last_seen_at, where, now),
        until=moment(row.snoozed_until, where, now) if row.snoozed_until else None,
        bot=found.bot_name,
        heartbeat=heartbeats.title(found.heartbeat),
        place=heartbeats.place(found.heartbeat),
    )
