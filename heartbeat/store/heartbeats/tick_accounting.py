"""Every tick of an enabled heartbeat ends as exactly one log: here the ones that never became a run get theirs.

`accounted_until` says how far that is done: each tick up to it has its log. `next_tick_at` is the first tick after it,
kept beside it so that heartbeats that have gone silent are found by an index.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update

from heartbeat.domain.cadence.spread import start_delay
from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.contracts import SkipReason
from heartbeat.domain.failure_policy import RESTORED
from heartbeat.store.credits.rollup import add_to_day
from heartbeat.store.database.rows import columns, exactly_one, insert
from heartbeat.store.heartbeats.project_holds import holds_during
from heartbeat.store.heartbeats.run_rows import run_row
from heartbeat.store.notifications.events import record_missed_ticks
from heartbeat.store.tables.heartbeats import Heartbeat, HeldTick
from heartbeat.store.tables.runs import Run

RUN, HEARTBEAT, HELD = columns(Run), columns(Heartbeat), columns(HeldTick)

# A month of minutes would be 43,200 logs; one transaction writes this many, the next one goes on.
BATCH_SIZE = 5_000
LOOKED_AT = 1_000
# What a tick that nothing ran shows of the prompt: thousands of whole ones would only fill the store.
PROMPT_START = 200

# A change of one of these changes which ticks are due.
CADENCE = (
    *("timezone", "cron_pattern", "interval_minutes", "active_hours_start", "active_hours_end", "active_days"),
    *("starts_at", "ends_at"),
)

# Built once: putting such a statement together costs more than running it.
MOVE_ON = (
    update(HEARTBEAT)
    .where(HEARTBEAT.c.id == bindparam("heartbeat"))
    .values(
        accounted_until=bindparam("tick"),
        next_tick_at=bindparam("next_tick"),
        skipped_count=HEARTBEAT.c.skipped_count + bindparam("skipped"),
        missed_count=HEARTBEAT.c.missed_count + bindparam("missed"),
    )
)


def cadence_of(heartbeat: Heartbeat) -> Cadence:
    """When a heartbeat is due."""
    return Cadence(
        timezone=heartbeat.timezone,
        cron_pattern=heartbeat.cron_pattern,
        interval_minutes=heartbeat.interval_minutes,
        anchor=heartbeat.anchor_at,
        active_hours_start=heartbeat.active_hours_start,
        active_hours_end=heartbeat.active_hours_end,
        active_days=heartbeat.active_days,
        run_at=heartbeat.run_at,
        starts_at=heartbeat.starts_at,
        ends_at=heartbeat.ends_at,
    )


def start_delay_of(heartbeat: Heartbeat) -> timedelta:
    """How long after its ticks it starts."""
    if not heartbeat.jitter_seconds:
        return timedelta(0)
    return start_delay(heartbeat.uuid, heartbeat.jitter_seconds, cadence_of(heartbeat))


def due(heartbeat: Heartbeat, until: datetime) -> list[datetime]:
    """The ticks up to `until` that have no log yet, at most 5,000, oldest first."""
    ticks = cadence_of(heartbeat).ticks(heartbeat.accounted_until)
    return list(islice(takewhile(lambda tick: tick <= until, ticks), BATCH_SIZE))


def account(connection: Connection, heartbeat: Heartbeat, ticks: Sequence[datetime], now: datetime) -> int:
    """Log `ticks` (in order, the next ones due) as skipped: held, overlap where a run was in progress, else missed.

    Returns how many were missed. A tick that has its log already is left alone.
    """
    if not ticks:
        return 0
    overlapping, held = overlapped(connection, heartbeat, ticks), _held(connection, heartbeat, ticks)
    reasons: dict[datetime, SkipReason] = {tick: "overlap" if tick in overlapping else "missed" for tick in ticks}
    reasons |= dict.fromkeys(held, "held")
    prompt = heartbeat.prompt[:PROMPT_START]
    rows = [
        run_row(heartbeat, now, scheduled_for=tick, skip_reason=reason, error_message=held.get(tick), prompt=prompt)
        for tick, reason in reasons.items()
    ]
    statement = insert(connection, RUN).on_conflict_do_nothing().returning(RUN.c.skip_reason, RUN.c.scheduled_for)
    written = connection.execute(statement, rows).all()
    if written:
        add_to_day(connection, heartbeat, now, {"skipped": len(written)})
    gap = sorted(tick for reason, tick in written if reason == "missed")
    if gap:
        record_missed_ticks(connection, heartbeat, gap, now)
    move_on(connection, heartbeat, ticks[-1], skipped=len(written), missed=len(gap))
    return len(gap)


def overlapped(connection: Connection, heartbeat: Heartbeat, ticks: Sequence[datetime]) -> set[datetime]:
    """Those of `ticks` (in order) that came while a run of the heartbeat was in progress."""
    busy = _busy(connection, heartbeat, ticks[0])
    return {tick for tick in ticks if any(start <= tick and (end is None or tick < end) for start, end in busy)}


def held_by(by: str) -> str:
    """Say in a log why its tick was skipped."""
    return f"Held by {by}."


def newest_due(
    connection: Connection, heartbeat: Heartbeat, tick: datetime, until: datetime, now: datetime
) -> datetime:
    """The tick a run opened for `tick` is really for: the newest due `until` then, those before it being accounted for.

    After an outage the clock asks for the oldest tick it missed; nobody wants a run for that and one for each after it.
    A tick that was accounted for before, or was never due (an operator's backfill), stands for itself.
    """
    if tick <= heartbeat.accounted_until:
        return tick
    while len(ticks := due(heartbeat, max(tick, until))) > 1:
        account(connection, heartbeat, ticks[:-1], now)
        heartbeat = _again(connection, heartbeat)
    return ticks[0]


def _again(connection: Connection, heartbeat: Heartbeat) -> Heartbeat:
    return exactly_one(connection, Heartbeat, select(HEARTBEAT).where(HEARTBEAT.c.id == heartbeat.id))


def move_on(connection: Connection, heartbeat: Heartbeat, tick: datetime, skipped: int = 0, missed: int = 0) -> None:
    """Note that each tick up to `tick` has its log, so many of them new."""
    moved = {"tick": tick, "next_tick": cadence_of(heartbeat).next_after(tick)}
    connection.execute(MOVE_ON, {"heartbeat": heartbeat.id, **moved, "skipped": skipped, "missed": missed})


def moved_to(heartbeat: Heartbeat, tick: datetime) -> dict[str, Any]:
    """The columns that say: each tick up to `tick` has its log."""
    return {"accounted_until": tick, "next_tick_at": cadence_of(heartbeat).next_after(tick)}


def _held(connection: Connection, heartbeat: Heartbeat, ticks: Sequence[datetime]) -> dict[datetime, str]:
    """Those of `ticks` (in order) that are held, each with what its log says of that."""
    which = HELD.c.heartbeat_id == heartbeat.id, HELD.c.tick.between(ticks[0], ticks[-1])
    rows = {
        row.tick: held_by(row.held_by) for row in connection.execute(select(HELD.c.tick, HELD.c.held_by).where(*which))
    }
    by_person = {tick: rows[tick] for tick in ticks if tick in rows}
    said = {tick: snoozed_until(heartbeat) for tick in ticks if was_snoozed(heartbeat, tick)}
    return holds_during(connection, heartbeat, ticks) | said | by_person


def was_snoozed(heartbeat: Heartbeat, tick: datetime) -> bool:
    """Whether this tick came while the heartbeat was snoozed."""
    since, until = heartbeat.snoozed_at, heartbeat.snooze_until
    return since is not None and until is not None and since <= tick < until


def snoozed_until(heartbeat: Heartbeat) -> str:
    """Say in a log that its tick came while the heartbeat was snoozed."""
    return f"Snoozed until {heartbeat.snooze_until:%Y-%m-%d %H:%M} UTC."


def _busy(connection: Connection, heartbeat: Heartbeat, since: datetime) -> list[tuple[datetime, datetime | None]]:
    """When the heartbeat's runs began and ended, of those that were in progress at some time since.

    One that was closed after a backup was put back is none: nothing ran between the backup and its return.
    """
    executed = select(RUN.c.started_at, RUN.c.finished_at).where(
        RUN.c.heartbeat_id == heartbeat.id,
        RUN.c.status != "skipped",
        RUN.c.dry_run.is_(False),
        or_(RUN.c.finished_at.is_(None), RUN.c.finished_at > since),
        or_(RUN.c.error_code.is_(None), RUN.c.error_code != RESTORED),
    )
    latest = executed.order_by(RUN.c.id.desc()).limit(LOOKED_AT)
    return [(row.started_at, row.finished_at) for row in connection.execute(latest)]
