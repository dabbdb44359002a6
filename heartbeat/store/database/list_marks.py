"""Where every thousandth row of a long list is, so that pages far back are found, and all rows are counted, quickly.

Who asks for the first time has the rows before the page counted, from an index, and what was come by is remembered in
this process. A mark stays where it is: rows below it do not enter or leave the list, and what is committed later has a
higher id. When rows are pruned, which is seldom, the marks of their lists are made anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import BigInteger, ColumnElement, Connection, Engine, Select, Table, bindparam, func, select

EVERY = 1_000
# Of so many lists, those that were asked for last.
MAX_LISTS = 1_000
NEWEST = 2**62
# A row with a smaller id may be committed later than one with a greater: by now it has been.
SETTLED = timedelta(seconds=10)

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class MarkedList:
    """A list, newest first: `ids` selects its rows, in any order, with `parameters`.

    So many of its rows, or of those that they were among, are `pruned`: not kept any longer. `settled` finds the id
    before which marks are made, where everything is committed and stays in the list.
    """

    ids: Select[Any]
    parameters: Parameters
    settled: Callable[[Connection, Parameters], int]
    pruned: int = 0


@dataclass(frozen=True)
class ListPlace:
    """Where a page begins: after so many (`offset`) of the rows whose ids are `newest` or below."""

    offset: int
    newest: int = NEWEST


@dataclass(frozen=True)
class Marks:
    """Ids, newest first, with `EVERY` rows from each to the next, and how many were pruned by then.

    `rest` counts the rows from the last mark on, once the list was walked to its end.
    """

    ids: tuple[int, ...]
    pruned: int
    rest: int | None = None


_marks: WeakKeyDictionary[Engine, dict[Any, Marks]] = WeakKeyDictionary()


def place(connection: Connection, of_list: MarkedList, offset: int) -> ListPlace:
    """Find the row before which there are `offset` others of a list."""
    if offset < 2 * EVERY:
        return ListPlace(offset)
    walk = _Walk(connection, of_list)
    marks, newer = walk.extended(_recalled(connection, of_list), offset)
    _remember(connection, of_list, marks)
    return _nearest(marks, newer, offset)


def counted(connection: Connection, of_list: MarkedList, offset: int) -> tuple[int, ListPlace]:
    """Count the rows of a list, and find the one before which there are `offset` others."""
    walk, marks = _Walk(connection, of_list), _recalled(connection, of_list)
    if not marks.ids and (few := walk.few()) <= 2 * EVERY:
        return few, ListPlace(offset)
    marks, newer = walk.whole(marks)
    _remember(connection, of_list, marks)
    if not marks.ids:
        return newer, ListPlace(offset)
    return newer + (len(marks.ids) - 1) * EVERY + (marks.rest or 0), _nearest(marks, newer, offset)


def committed(connection: Connection, table: Table, which: ColumnElement[bool], parameters: Parameters) -> int:
    """The id before which each row for which `which` holds is committed."""
    newest_at = connection.execute(_newest_at(table, which), parameters).scalar()
    if newest_at is None:
        return 0
    # By the newest row's time, not by a clock: that is as far as this transaction sees.
    until = {**parameters, "until": newest_at - SETTLED}
    return 1 + (connection.execute(_last_until(table, which), until).scalar() or 0)


def _recalled(connection: Connection, of_list: MarkedList) -> Marks:
    """What is remembered of a list, unless some of it was pruned since."""
    known = _marks.setdefault(connection.engine, {}).pop(_key(of_list), None)
    return known if known and known.pruned == of_list.pruned else Marks((), of_list.pruned)


def _remember(connection: Connection, of_list: MarkedList, marks: Marks) -> None:
    lists = _marks[connection.engine]
    if marks.ids:
        lists[_key(of_list)] = marks
    # In one step, for other threads may add to them.
    for oldest in [*lists][:-MAX_LISTS]:
        lists.pop(oldest, None)


def _key(of_list: MarkedList) -> Any:
    return of_list.ids, frozenset(of_list.parameters.items())


def _nearest(marks: Marks, newer: int, offset: int) -> ListPlace:
    if not marks.ids or offset < newer:
        return ListPlace(offset)
    number = min((offset - newer) // EVERY, len(marks.ids) - 1)
    return ListPlace(offset - newer - number * EVERY, marks.ids[number])


@dataclass(frozen=True)
class _Walk:
    connection: Connection
    of_list: MarkedList

    def few(self) -> int:
        """How many rows there are, or that they are more than can be counted each time."""
        return self._count(_few(self.of_list.ids), limit=2 * EVERY + 1)

    def whole(self, marks: Marks) -> tuple[Marks, int]:
        """Add marks at both ends, back to the first row; returns them and how many rows are newer than the first."""
        marks, newer = self.extended(marks, 0 if marks.rest is not None else NEWEST)
        if marks.ids and marks.rest is None:
            marks = replace(marks, rest=self._count(_rest(self.of_list.ids), last=marks.ids[-1]))
        return marks, newer if marks.ids else self._newer(0)

    def extended(self, marks: Marks, offset: int) -> tuple[Marks, int]:
        """Add marks at both ends, back to `offset`; returns them and how many rows are newer than the first."""
        ids, rest = marks.ids, marks.rest
        newer = self._newer(ids[0]) if ids else 0
        if not ids or newer >= 2 * EVERY:
            settled = self.of_list.settled(self.connection, self.of_list.parameters)
            ids = (*reversed(self._forward(ids[0], settled, newer - EVERY)), *ids) if ids else ()
            ids = ids or self._back(settled, offset)
            newer = self._newer(ids[0]) if ids else 0
        missing = offset - newer - (len(ids) - 1) * EVERY
        if ids and missing >= EVERY:
            older = self._back(ids[-1], missing)
            ids, rest = (*ids, *older), None if older else rest
        return Marks(ids, marks.pruned, rest), newer

    def _newer(self, mark: int) -> int:
        return self._count(_newer(self.of_list.ids), after=mark)

    def _count(self, statement: Select[Any], **bounds: int) -> int:
        count: int = self.connection.execute(statement, {**self.of_list.parameters, **bounds}).scalar_one()
        return count

    def _back(self, before: int, count: int) -> tuple[int, ...]:
        return self._numbered(_back(self.of_list.ids), {"before": before, "count": count})

    def _forward(self, after: int, before: int, count: int) -> tuple[int, ...]:
        return self._numbered(_forward(self.of_list.ids), {"after": after, "before": before, "count": count})

    def _numbered(self, statement: Select[Any], bounds: Parameters) -> tuple[int, ...]:
        parameters = {**self.of_list.parameters, **bounds, "every": EVERY}
        return tuple(self.connection.execute(statement, parameters).scalars())


def _id(name: str) -> Any:
    return bindparam(name, type_=BigInteger())


@cache
def _newest_at(table: Table, which: ColumnElement[bool]) -> Select[Any]:
    return select(table.c.created_at).where(which).order_by(table.c.id.desc()).limit(1)


@cache
def _last_until(table: Table, which: ColumnElement[bool]) -> Select[Any]:
    until = table.c.created_at <= bindparam("until", type_=table.c.created_at.type)
    return select(table.c.id).where(which, until).order_by(table.c.id.desc()).limit(1)


@cache
def _few(ids: Select[Any]) -> Select[Any]:
    return select(func.count()).select_from(ids.limit(_id("limit")).subquery())


@cache
def _newer(ids: Select[Any]) -> Select[Any]:
    [row_id] = ids.selected_columns
    return select(func.count()).select_from(ids.where(row_id > _id("after")).subquery())


@cache
def _rest(ids: Select[Any]) -> Select[Any]:
    [row_id] = ids.selected_columns
    return select(func.count()).select_from(ids.where(row_id <= _id("last")).subquery())


@cache
def _back(ids: Select[Any]) -> Select[Any]:
    [row_id] = ids.selected_columns
    return _every(ids.where(row_id < _id("before")), row_id.desc())


@cache
def _forward(ids: Select[Any]) -> Select[Any]:
    [row_id] = ids.selected_columns
    return _every(ids.where(row_id > _id("after"), row_id < _id("before")), row_id)


def _every(ids: Select[Any], order: Any) -> Select[Any]:
    """Take each thousandth of the next `count`."""
    number = func.row_number().over(order_by=order).label("number")
    numbered = ids.add_columns(number).order_by(order).limit(bindparam("count", type_=BigInteger())).subquery()
    return select(numbered.c.id).where(numbered.c.number % _id("every") == 0).order_by(numbered.c.number)
