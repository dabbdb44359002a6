"""Grants: credits that an operator gives a project on top of its plan, or takes back, in one billing period."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from heartbeat.domain.errors import Conflict
from heartbeat.store.audit.recording import record
from heartbeat.store.credits.ledger import NOTHING, begin_period
from heartbeat.store.database.rows import columns, first, insert_once
from heartbeat.store.tables.credits import Entry, Usage
from heartbeat.store.tables.projects import Project

ENTRY, USAGE = columns(Entry), columns(Usage)


@dataclass(frozen=True)
class GrantResult:
    """What a project has been granted in a period, this grant among it; `repeated`: this one was there before."""

    total: int
    period_start: datetime
    period_ends_at: datetime
    repeated: bool


def grant(
    connection: Connection, project: Project, amount: int, note: str | None, key: str, now: datetime
) -> GrantResult:
    """Give a project `amount` credits in the period of `now`, less than none to take some back.

    One entry (`grant` or `adjust`) and the period's running sum, once for each `key`. Raises `Conflict` when the key
    was used for another amount.
    """
    start, end = project.period(now)
    begin_period(connection, project.id, start, now)
    of_period = (USAGE.c.project_id == project.id) & (USAGE.c.period_start == start)
    entered = {"project_id": project.id, "kind": "grant" if amount > 0 else "adjust", "key": f"grant:{key}"}
    row = {**NOTHING, **entered, "note": note, "granted": amount, "period_start": start, "created_at": now}
    fresh = insert_once(connection.dialect.name, ENTRY).run(connection, row).first() is not None
    if fresh:
        connection.execute(update(USAGE).where(of_period).values(granted=USAGE.c.granted + amount))
        changes = {"credits": [None, amount], "note": [None, note]}
        record(connection, project.id, "project.grant", project.uuid, project.name, changes)
    else:
        _require_same(connection, row)
    total = connection.execute(select(USAGE.c.granted).where(of_period)).scalar_one()
    return GrantResult(total, start, end, not fresh)


def _require_same(connection: Connection, row: dict[str, object]) -> None:
    mine = (ENTRY.c.project_id == row["project_id"]) & (ENTRY.c.key == row["key"])
    entry = first(connection, Entry, select(ENTRY).where(mine))
    if entry is None or entry.granted != row["granted"]:
        raise Conflict("grant_key_used", "This --key was used for another grant of the project; choose another.")
