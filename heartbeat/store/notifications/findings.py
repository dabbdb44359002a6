"""Findings: what runs report, told when it is news and otherwise known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, func, or_, select, update

from heartbeat.domain.errors import NotFound
from heartbeat.domain.ids import new_id
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.rows import columns, first, many
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Finding

FINDING, HEARTBEAT = columns(Finding), columns(Heartbeat)
REMIND_AFTER = timedelta(hours=24)
# A daily run ends some moments earlier than the day before now and then, and its reminder is due all the same.
EARLY = timedelta(minutes=5)

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
    """Write down what a run reports and resolve what it no longer finds; returns what a person should hear of.

    A run that is not `complete` has not looked everywhere, so it resolves nothing. `nothing_to_report` is taken at its
    word.
    """
    given = {finding["fingerprint"]: finding for finding in report.get("findings", ())}
    aloud = report["outcome"] != "nothing_to_report"
    known = _known(connection, heartbeat, list(given))
    told = []
    for fingerprint, finding in given.items():
        news = _record_finding(connection, heartbeat, known.get(fingerprint), finding, now, remind, aloud)
        if news:
            told.append({**finding, "news": news})
    gone = [it.id for key, it in known.items() if key not in given and it.state != "resolved"]
    if gone and complete:
        connection.execute(_resolved(now).where(FINDING.c.id.in_(gone)))
    return told


def news_of(known: Finding | None, finding: Mapping[str, Any], now: datetime, remind: timedelta) -> News | None:
    """What is worth telling about a finding that is reported again, or for the first time; `None` if nothing is."""
    if known is None:
        return "new"
    if known.state == "resolved":
        return "back"
    if known.state == "snoozed":
        over = known.snoozed_until is not None and known.snoozed_until <= now
        return "still there" if over else None
    if (known.title, known.severity) != (finding["title"], finding["severity"]):
        return "changed"
    if known.state == "acknowledged":
        return None
    if known.told_at is None:
        return "new"
    return "still there" if now - known.told_at >= remind - EARLY else None


def _record_finding(
    connection: Connection,
    heartbeat: Heartbeat,
    known: Finding | None,
    finding: Mapping[str, Any],
    now: datetime,
    remind: timedelta,
    aloud: bool,
) -> News | None:
    """Write one finding; with `aloud` it is told if it is news. Untold news stays news."""
    news = news_of(known, finding, now, remind)
    seen = {"detail": finding.get("detail"), "last_seen_at": now}
    if news:
        seen |= {"title": finding["title"], "severity": finding["severity"], "state": "open", "resolved_at": None}
        seen |= {"snoozed_until": None, "told_at": now if aloud else None}
    if known is None:
        whose = {"bot_id": heartbeat.bot_id, "heartbeat_id": heartbeat.id, "fingerprint": finding["fingerprint"]}
        fresh = {"uuid": new_id("fnd"), "times_seen": 1, "first_seen_at": now, **whose, **seen}
        connection.execute(FINDING.insert(), fresh)
    else:
        seen["times_seen"] = FINDING.c.times_seen + 1
        connection.execute(update(FINDING).where(FINDING.c.id == known.id).values(seen))
    return news if aloud else None


def _known(connection: Connection, heartbeat: Heartbeat, fingerprints: Sequence[str]) -> dict[str, Finding]:
    """The heartbeat's findings that are not resolved, and those that are reported, by fingerprint."""
    wanted = or_(FINDING.c.state != "resolved", FINDING.c.fingerprint.in_(fingerprints))
    rows = many(connection, Finding, select(FINDING).where(FINDING.c.heartbeat_id == heartbeat.id, wanted))
    return {row.fingerprint: row for row in rows}


def _resolved(now: datetime) -> Any:
    return update(FINDING).values(state="resolved", resolved_at=now, snoozed_until=None)


@dataclass(frozen=True)
class ListedFinding:
    """A finding and the public id of its heartbeat."""

    finding: Finding
    heartbeat: str


def findings(
    connection: Connection, access: Access, state: State | None, page: Page
) -> tuple[list[ListedFinding], int]:
    """One page of the findings of a bot or of the heartbeat that is named, last seen first, and how many there are."""
    wanted = FINDING.c.bot_id == access.bot.id
    if state is not None:
        wanted &= FINDING.c.state == state
    if heartbeat := access.named_heartbeat:
        wanted &= FINDING.c.heartbeat_id == heartbeat.id
    total = connection.execute(select(func.count()).select_from(FINDING).where(wanted)).scalar_one()
    latest = select(FINDING).where(wanted).order_by(FINDING.c.last_seen_at.desc(), FINDING.c.id.desc())
    rows = many(connection, Finding, latest.limit(page.size).offset(page.offset))
    return _listed(connection, rows), total


def set_finding_state(
    connection: Connection, access: Access, uuid: str, state: State, now: datetime, until: datetime | None = None
) -> ListedFinding:
    """Say what became of a finding: acknowledged, snoozed `until` a time, or resolved. Raises `NotFound`."""
    changes = {"state": state, "snoozed_until": until, "resolved_at": now if state == "resolved" else None}
    mine = (FINDING.c.uuid == as_public_id(uuid)) & (FINDING.c.bot_id == access.bot.id)
    row = first(connection, Finding, update(FINDING).where(mine).values(changes).returning(FINDING))
    if row is None:
        raise NotFound("finding", uuid[:64])
    return _listed(connection, [row])[0]


def _listed(connection: Connection, rows: Sequence[Finding]) -> list[ListedFinding]:
    ids = {row.heartbeat_id for row in rows}
    named = connection.execute(select(HEARTBEAT.c.id, HEARTBEAT.c.uuid).where(HEARTBEAT.c.id.in_(ids)))
    uuids = {row.id: row.uuid for row in named}
    return [ListedFinding(row, uuids[row.heartbeat_id]) for row in rows]
