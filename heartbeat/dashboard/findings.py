"""What pages show of findings: rows in, words out."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from heartbeat.dashboard import heartbeats, words
from heartbeat.dashboard.words import Moment, moment
from heartbeat.store.attention import Found


@dataclass(frozen=True)
class Matter:
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


def matter(found: Found, now: datetime) -> Matter:
    """A finding, its times on the wall of its heartbeat's zone."""
    row, where = found.finding, ZoneInfo(found.heartbeat.timezone)
    return Matter(
        uuid=row.uuid,
        title=row.title,
        detail=row.detail,
        severity=row.severity,
        state=row.state,
        times="once" if row.times_seen == 1 else words.count(row.times_seen, "time"),
        first=moment(row.first_seen_at, where, now),
        last=moment(row.last_seen_at, where, now),
        until=moment(row.snoozed_until, where, now) if row.snoozed_until else None,
        bot=found.bot,
        heartbeat=heartbeats.title(found.heartbeat),
        place=heartbeats.place(found.heartbeat),
    )
