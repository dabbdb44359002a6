"""What pages show of findings: rows in, words out."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from api.dashboard.translations import ngettext
from api.dashboard.views import formats, heartbeats
from api.dashboard.views.formats import Moment, moment
from heartbeat.store.overview.waiting import OpenFindingRow


@dataclass(frozen=True)
class FindingView:
    """One finding. `by` is who marked one that is not open, `until` when a snoozed one is told again."""

    uuid: str
    title: str
    detail: str | None
    severity: str
    state: str
    by: str | None
    times: str
    first: Moment
    last: Moment
    until: Moment | None
    bot: str
    heartbeat: str
    place: str | None


def finding_view(row: OpenFindingRow, now: datetime) -> FindingView:
    """Show a finding, with times in its heartbeat's time zone."""
    finding, zone = row.finding, ZoneInfo(row.heartbeat.timezone)
    return FindingView(
        uuid=finding.uuid,
        title=finding.title,
        detail=finding.detail,
        severity=finding.severity,
        state=finding.state,
        by=finding.marked_by,
        times=ngettext("seen once", "seen {count} times", finding.times_seen).format(
            count=formats.number(finding.times_seen)
        ),
        first=moment(finding.first_seen_at, zone, now),
        last=moment(finding.last_seen_at, zone, now),
        until=moment(finding.snoozed_until, zone, now) if finding.snoozed_until else None,
        bot=row.bot_name,
        heartbeat=heartbeats.title(row.heartbeat),
        place=heartbeats.page_path(row.heartbeat),
    )
