"""Where every thousandth log of a list is, so that a page far back is found without counting all those before it.

Who asks for such a page for the first time has them counted, from an index, and what was come by is remembered in this
process. A mark stays where it is: below it are no runs in progress, and what is committed later has a higher id. When
logs are pruned, which is seldom, the marks of their lists are made anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import BigInteger, Connection, Engine, Select, bindparam, func, select

from heartbeat.store.database.rows import columns
from heartbeat.store.runs.runs import SETTLED
from heartbeat.store.tables.run_indexes import of_running
from heartbeat.store.tables.runs import Run

RUN = columns(Run)

EVERY = 1_000
# Of so many lists, those that were asked for last.
MAX_LISTS = 1_000
NEWEST = 2**62
_OF_BOT = RUN.c.bot_id == bindparam("bot_id")
FIRST_RUNNING = of_running(select(func.min(RUN.c.id))).where(_OF_BOT)
NEWEST_AT = select(RUN.c.created_at).where(_OF_BOT).order_by(RUN.c.id.desc()).limit(1)
LAST_SETTLED = (
    select(RUN.c.id)
    .where(_OF_BOT, RUN.c.created_at <= bindparam("until", type_=RUN.c.created_at.type))
    .order_by(RUN.c.id.desc())
    .limit(1)
)

Parameters = Mapping[str, Any]
# Ids, newest first, with `EVERY` logs from each to the next, and how many were pruned by then, by list.
Marks = dict[Any, tuple[tuple[int, ...], int]]
_marks: WeakKeyDictionary[Engine, Marks] = WeakKeyDictionary()


@dataclass(frozen=True)
class LogPlace:
    """Where a page begins: after so many (`offset`) of the logs whose ids are `newest` or below."""

    offset: int
    newest: int = NEWEST


def place(connection: Connection, ids: Select[Any], parameters: Parameters, offset: int, pruned: int) -> LogPlace:
    """Find the log before which there are `offset` others of a list.

    `ids` selects the runs of the list, in any order; `parameters` are its own, the bot's id among them. So many of its
    logs are not kept any longer.
    """
    if offset < 2 * EVERY:
        return LogPlace(offset)
    lists = _marks.setdefault(connection.engine, {})
    key = ids, frozenset(parameters.items())
    known, pruned_before = lists.pop(key, ((), pruned))
    walk = _Walk(connection, ids, parameters)
    marks, newer = walk.extended(known if pruned_before == pruned else (), offset)
    if marks:
        lists[key] = marks, pruned
    # In one step, for other threads may add to them.
    for oldest in [*lists][:-MAX_LISTS]:
        lists.pop(oldest, None)
    if not marks or offset < newer:
        return LogPlace(offset)
    number = min((offset - newer) // EVERY, len(marks) - 1)
    return LogPlace(offset - newer - number * EVERY, marks[number])


@dataclass(frozen=True)
class _Walk:
    connection: Connection
    ids: Select[Any]
    parameters: Parameters

    def extended(self, marks: tuple[int, ...], offset: int) -> tuple[tuple[int, ...], int]:
        """Add marks at both ends, back to `offset`; returns them and how many logs are newer than the first."""
        newer = self._newer(marks[0]) if marks else 0
        if not marks or newer >= 2 * EVERY:
            settled = self._settled()
            marks = (*reversed(self._forward(marks[0], settled, newer - EVERY)), *marks) if marks else ()
            marks = marks or self._back(settled, offset)
            newer = self._newer(marks[0]) if marks else 0
        missing = offset - newer - (len(marks) - 1) * EVERY
        return (*marks, *(self._back(marks[-1], missing) if marks and missing >= EVERY else ())), newer

    def _settled(self) -> int:
        """The id before which marks are made: each run there is committed, and has ended."""
        newest_at = self.connection.execute(NEWEST_AT, self.parameters).scalar()
        if newest_at is None:
            return 0
        # By the newest run's time, not by a clock: that is as far as this transaction sees.
        until = {**self.parameters, "until": newest_at - SETTLED}
        last = self.connection.execute(LAST_SETTLED, until).scalar() or 0
        running = self.connection.execute(FIRST_RUNNING, self.parameters).scalar()
        return min(last + 1, running or NEWEST)

    def _newer(self, mark: int) -> int:
        count: int = self.connection.execute(_counted(self.ids), {**self.parameters, "after": mark}).scalar_one()
        return count

    def _back(self, before: int, count: int) -> tuple[int, ...]:
        return self._numbered(_back(self.ids), {"before": before, "count": count})

    def _forward(self, after: int, before: int, count: int) -> tuple[int, ...]:
        return self._numbered(_forward(self.ids), {"after": after, "before": before, "count": count})

    def _numbered(self, statement: Select[Any], bounds: Parameters) -> tuple[int, ...]:
        return tuple(self.connection.execute(statement, {**self.parameters, **bounds, "every": EVERY}).scalars())


def _id(name: str) -> Any:
    return bindparam(name, type_=BigInteger())


@cache
def _counted(ids: Select[Any]) -> Select[Any]:
    [run_id] = ids.selected_columns
    return select(func.count()).select_from(ids.where(run_id > _id("after")).subquery())


@cache
def _back(ids: Select[Any]) -> Select[Any]:
    [run_id] = ids.selected_columns
    return _every(ids.where(run_id < _id("before")), run_id.desc())


@cache
def _forward(ids: Select[Any]) -> Select[Any]:
    [run_id] = ids.selected_columns
    return _every(ids.where(run_id > _id("after"), run_id < _id("before")), run_id)


def _every(ids: Select[Any], order: Any) -> Select[Any]:
    """Take each thousandth of the next `count`."""
    number = func.row_number().over(order_by=order).label("number")
    numbered = ids.add_columns(number).order_by(order).limit(bindparam("count", type_=BigInteger())).subquery()
    return select(numbered.c.id).where(numbered.c.number % _id("every") == 0).order_by(numbered.c.number)
