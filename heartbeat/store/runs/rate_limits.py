"""A provider that limits the rate: all runs that would ask it wait together, and then go on one after another.

Whoever is refused writes when the provider may be asked again. Who comes until then, or shortly after, takes a turn:
the first one as soon as the limit is over, which tries it; a second later the next one, then two, four, eight.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, select, update

from heartbeat.store.database.rows import columns, exactly_one, first, insert_once
from heartbeat.store.tables.runs import RateLimit, Run

LIMIT, RUN = columns(RateLimit), columns(Run)

# Where a provider does not say for how long: at first a second, and twice as long each time that it refuses again.
LONGEST = timedelta(minutes=1)
# After so long without another refusal it is forgotten: there is room for all who come.
FORGOTTEN_AFTER = timedelta(minutes=2)
WAITING = "rate_limit"
# What is so near is now: clocks differ by more.
NEAR = timedelta(milliseconds=250)

# Whether any limit is known, read with what is read of a run anyway: while there is none nothing else is asked.
LIMITED_UNTIL = select(func.max(LIMIT.c.closed_until)).scalar_subquery().label("limited_until")
LOCKED = select(LIMIT).where(LIMIT.c.scope == bindparam("scope")).with_for_update()


def note_refusal(connection: Connection, scope: str, retry_after: float | None, now: datetime) -> None:
    """Write down that a provider refused a request of `scope`, and for how long (seconds), if it said so."""
    row = {"scope": scope, "closed_until": now, "refusals": 0, "turns": 0}
    first(connection, RateLimit, insert_once(connection.dialect.name, LIMIT), row)
    limit = exactly_one(connection, RateLimit, LOCKED, {"scope": scope})
    # Requests that were under way are refused, too: that is the same refusal.
    refusals = limit.refusals if now < limit.closed_until else limit.refusals + 1
    wait = timedelta(seconds=retry_after) if retry_after else min(timedelta(seconds=2 ** min(refusals, 7) / 2), LONGEST)
    values = {"closed_until": max(limit.closed_until, now + wait), "refusals": refusals}
    values |= {"turns": 0} if refusals > limit.refusals else {}
    connection.execute(update(LIMIT).where(LIMIT.c.id == limit.id).values(values))


def take_turn(connection: Connection, scope: str, run: Run, turn: datetime | None, now: datetime) -> datetime | None:
    """When a run may make its next request; `None` for now. `turn` is what it was told last, and has waited for."""
    limit = first(connection, RateLimit, LOCKED, {"scope": scope})
    next_turn = None if limit is None else _next_turn(limit, turn, now)
    if limit is not None and next_turn is not None:
        connection.execute(update(LIMIT).where(LIMIT.c.id == limit.id).values(turns=limit.turns + 1))
    elif limit is not None and limit.closed_until + FORGOTTEN_AFTER < now:
        connection.execute(delete(LIMIT).where(LIMIT.c.id == limit.id))
    waiting = WAITING if next_turn else None
    if run.waiting != waiting:
        connection.execute(update(RUN).where(RUN.c.id == run.id).values(waiting=waiting))
    return next_turn


def _next_turn(limit: RateLimit, turn: datetime | None, now: datetime) -> datetime | None:
    if turn is not None and turn >= limit.closed_until:
        return None
    next_turn = limit.closed_until + timedelta(seconds=limit.turns.bit_length())
    return next_turn if next_turn > now + NEAR else None
