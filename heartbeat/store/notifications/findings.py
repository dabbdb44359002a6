"""Findings: what runs report. A person hears of what is new, worse or back, and is reminded of what stays.

Other words for the same matter are no news: a title often counts, or says the time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, func, or_, select, update

from heartbeat.domain.errors import NotFound
from heartbeat.domain.fingerprints import fingerprint_key
from heartbeat.domain.ids import new_id
from heartbeat.store.audit.recording import field_changes, record
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import columns, exactly_one, first, many
from heartbeat.store.notifications.events import update_untold_findings
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Finding

FINDING, HEARTBEAT = columns(Finding), columns(Heartbeat)
REMIND_AFTER = timedelta(hours=24)
# A daily run ends some moments earlier than the day before now and then, and its reminder is due all the same.
EARLY = timedelta(minutes=5)

# The worst last.
SEVERITIES = ("info", "warning", "critical")

News = Literal["new", "changed", "back", "still there"]
State = Literal["open", "acknowledged", "snoozed", "resolved"]


def record_findings(
    connection: Connection,
    heartbeat: Heartbeat,
    report: Mapping[str, Any],
    complete: bool,
    now: datetime,
    remind: timedelta = REMIND_AFTER,
) -> list[dict[str, Any]]:
    """Write what a run reports and resolve what it no longer finds; returns what a person should hear of.

    A run that is not `complete` has not looked everywhere, so it resolves nothing. What comes with `nothing_to_report`
    is written, and nobody hears of it.
    """
    reported = _by_key(report.get("findings", ()))
    notify = report["outcome"] != "nothing_to_report"
    rows = _rows(connection, heartbeat, reported)
    rows_by_key = {_key(row): row for row in rows}
    findings_with_news: list[dict[str, Any]] = []
    latest: dict[str, dict[str, Any]] = {}
    for key, finding in reported.items():
        row = rows_by_key.get(key)
        news = news_of(row, finding, now, remind)
        values = _values(row, finding, news, notify, now) | {"fingerprint_key": key}
        if row is None:
            _insert(connection, heartbeat, finding["fingerprint"], values, now)
        else:
            values["times_seen"] = FINDING.c.times_seen + 1
            connection.execute(update(FINDING).where(FINDING.c.id == row.id).values(values))
        if news and notify:
            # By the name it has had from the beginning.
            fingerprint = row.fingerprint if row else finding["fingerprint"]
            findings_with_news.append({**finding, "fingerprint": fingerprint, "news": news})
        elif row is not None:
            latest[row.fingerprint] = {name: finding.get(name) for name in ("title", "detail")}
    if latest:
        update_untold_findings(connection, heartbeat, latest)
    # Of one matter that has two rows from before, the other goes.
    present = {rows_by_key[key].id for key in reported if key in rows_by_key}
    absent = [row.id for row in rows if row.id not in present and row.state != "resolved"]
    if absent and complete:
        resolve = update(FINDING).values(state="resolved", marked_by=None, resolved_at=now, snoozed_until=None)
        connection.execute(resolve.where(FINDING.c.id.in_(absent)))
    return findings_with_news


def news_of(row: Finding | None, finding: Mapping[str, Any], now: datetime, remind: timedelta) -> News | None:
    """Say what a person should hear of a `finding` that is reported; `row` is what is stored of it so far."""
    if row is None:
        return "new"
    if row.state == "resolved":
        return "back"
    if row.state == "snoozed":
        is_over = row.snoozed_until is not None and row.snoozed_until <= now
        return "still there" if is_over else None
    if _is_worse(finding["severity"], row.told_severity or row.severity):
        return "changed"
    if row.state == "acknowledged":
        return None
    if row.told_at is None:
        return "new"
    return "still there" if now - row.told_at >= remind - EARLY else None


def _values(
    row: Finding | None, finding: Mapping[str, Any], news: News | None, notify: bool, now: datetime
) -> dict[str, Any]:
    """The columns of a finding that is reported. News that nobody is told of stays news."""
    values = {name: finding.get(name) for name in ("title", "severity", "detail")} | {"last_seen_at": now}
    if news:
        values |= {"state": "open", "marked_by": None, "resolved_at": None, "snoozed_until": None}
        values |= {"told_at": now if notify else None}
    told_before = (row.told_severity or row.severity) if row else None
    return values | {"told_severity": finding["severity"] if news and notify else told_before}


def _by_key(findings: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Map what counts of a fingerprint to its finding; of several for one matter to the worst."""
    worst: dict[str, Mapping[str, Any]] = {}
    for finding in findings:
        key = fingerprint_key(finding["fingerprint"])
        if key not in worst or _is_worse(finding["severity"], worst[key]["severity"]):
            worst[key] = finding
    return worst


def _is_worse(severity: str, other: str) -> bool:
    return SEVERITIES.index(severity) > SEVERITIES.index(other)


def _insert(
    connection: Connection, heartbeat: Heartbeat, fingerprint: str, values: dict[str, Any], now: datetime
) -> None:
    key = {"bot_id": heartbeat.bot_id, "heartbeat_id": heartbeat.id, "fingerprint": fingerprint}
    first_time = {"uuid": new_id("fnd"), "times_seen": 1, "first_seen_at": now}
    connection.execute(FINDING.insert(), {**key, **first_time, **values})


def _rows(connection: Connection, heartbeat: Heartbeat, reported: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Read the heartbeat's findings that are not resolved, and those that are reported, the liveliest last."""
    fingerprints = [finding["fingerprint"] for finding in reported.values()]
    which = or_(
        FINDING.c.state != "resolved",
        FINDING.c.fingerprint_key.in_(list(reported)),
        FINDING.c.fingerprint.in_(fingerprints),
    )
    rows = many(connection, Finding, select(FINDING).where(FINDING.c.heartbeat_id == heartbeat.id, which))
    return sorted(rows, key=lambda row: (row.state != "resolved", row.last_seen_at, row.id))


def _key(row: Finding) -> str:
    return row.fingerprint_key or fingerprint_key(row.fingerprint)


@dataclass(frozen=True)
class ListedFinding:
    """A finding and the public id of its heartbeat."""

    finding: Finding
    heartbeat_uuid: str


def findings(
    connection: Connection, access: Access, state: State | None, page: Page
) -> tuple[list[ListedFinding], int]:
    """Read one page of the findings of a bot or of the heartbeat that is named, last seen first, and their number."""
    which = FINDING.c.bot_id == access.bot.id
    if state is not None:
        which &= FINDING.c.state == state
    if heartbeat := access.named_heartbeat:
        which &= FINDING.c.heartbeat_id == heartbeat.id
    total = connection.execute(select(func.count()).select_from(FINDING).where(which)).scalar_one()
    latest = select(FINDING).where(which).order_by(FINDING.c.last_seen_at.desc(), FINDING.c.id.desc())
    rows = many(connection, Finding, latest.limit(page.size).offset(page.offset))
    return _listed(connection, rows), total


def set_finding_state(
    connection: Connection, access: Access, uuid: str, state: State, now: datetime, until: datetime | None = None
) -> ListedFinding:
    """Set a finding acknowledged, snoozed `until` a time, or resolved, by who acts. Raises `NotFound`."""
    before = _named(connection, access, uuid)
    changes = {"state": state, "marked_by": access.actor.words, "snoozed_until": until}
    changes |= {"resolved_at": now if state == "resolved" else None}
    row = exactly_one(
        connection, Finding, update(FINDING).where(FINDING.c.id == before.id).values(changes).returning(FINDING)
    )
    said = field_changes(vars(before), {name: changes[name] for name in ("state", "snoozed_until")})
    record(connection, access.project.id, "finding.update", row.uuid, row.title, said)
    return _listed(connection, [row])[0]


def _named(connection: Connection, access: Access, uuid: str) -> Finding:
    """Read a finding of the bot that nobody else writes before this transaction ends; raises `NotFound`."""
    which = (FINDING.c.uuid == as_public_id(uuid)) & (FINDING.c.bot_id == access.bot.id)
    row = first(connection, Finding, select(FINDING).where(which).with_for_update())
    if row is None:
        raise NotFound("finding", uuid[:64])
    return row


def _listed(connection: Connection, rows: Sequence[Finding]) -> list[ListedFinding]:
    ids = {row.heartbeat_id for row in rows}
    heartbeats = connection.execute(select(HEARTBEAT.c.id, HEARTBEAT.c.uuid).where(HEARTBEAT.c.id.in_(ids)))
    uuids = {heartbeat.id: heartbeat.uuid for heartbeat in heartbeats}
    return [ListedFinding(row, uuids[row.heartbeat_id]) for row in rows]
