"""The logs of a bot's heartbeats, newest first. Pages come from an index, totals from the heartbeats' counters."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    bindparam,
    case,
    exists,
    func,
    select,
    union_all,
)

from heartbeat.store.database.list_marks import ListPlace, MarkedList, place
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import columns
from heartbeat.store.runs.log_marks import settled
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.run_indexes import of_rehearsals
from heartbeat.store.tables.runs import Approval, Run

RUN, HEARTBEAT, APPROVAL = columns(Run), columns(Heartbeat), columns(Approval)

COUNTERS = {
    "success": "success_count",
    "error": "total_error_count",
    "skipped": "skipped_count",
    "cancelled": "cancelled_count",
}
# So many of them are not kept any longer.
PRUNED = {status: f"pruned_{status}_count" for status in COUNTERS}
# What it waits for is shown by `WAITING`.
HIDDEN = ("instruction", "opening", "chat_mode", "max_reply_tokens", "expect", "waiting")
# Whether a run in progress waits for a person's yes to one of its calls.
ASKS = (
    exists()
    .where(APPROVAL.c.run_id == RUN.c.id, APPROVAL.c.state == "pending", APPROVAL.c.reason != "budget")
    .correlate(RUN)
)
WAITING = case(
    (RUN.c.status != "running", None), (RUN.c.parked, "budget"), (ASKS, "approval"), else_=RUN.c.waiting
).label("waiting")
EXECUTED = ("success", "error", "cancelled")
UP_TO = bindparam("newest", type_=BigInteger())
SHOWN = [*(column for column in RUN.c if column.name not in HIDDEN), WAITING]


@dataclass(frozen=True)
class LogFilter:
    """Which of a bot's logs: of one heartbeat, of one member, with one status.

    A run with the status `running` is no log yet; with that filter the runs still going are listed. Rehearsals are
    logged apart: `dry_run` lists them and nothing else.
    """

    bot_id: int
    heartbeat_id: int | None = None
    member_id: int | None = None
    status: str | None = None
    dry_run: bool = False

    @property
    def filters(self) -> dict[str, Any]:
        """The columns that must equal something."""
        return {name: value for name, value in vars(self).items() if value is not None and name != "dry_run"}


def executed_logs(connection: Connection, heartbeat: Heartbeat, page: Page) -> tuple[list[Row[Any]], int]:
    """One page of `logs` of a heartbeat without its skipped ticks, of which there may be very many."""
    pruned = sum(getattr(heartbeat, PRUNED[status]) for status in EXECUTED)
    total = sum(getattr(heartbeat, COUNTERS[status]) for status in EXECUTED) - pruned
    of_heartbeat = {"bot_id": heartbeat.bot_id, "heartbeat_id": heartbeat.id}
    start = place(connection, MarkedList(_executed_ids(), of_heartbeat, settled, pruned), page.offset)
    bounds = {**vars(start), "limit": page.size, "reach": start.offset + page.size}
    return list(connection.execute(_executed_page(), {**of_heartbeat, **bounds})), total


def delay_ms(run: Run | Row[Any]) -> int | None:
    """How long after its tick a run was opened, in milliseconds; `None` for a manual one.

    `None` as well for a tick that never had a workflow: its log was written when somebody noticed the gap.
    """
    if run.scheduled_for is None or run.workflow_id is None:
        return None
    return max(0, round((run.started_at - run.scheduled_for).total_seconds() * 1000))


def logs(connection: Connection, wanted: LogFilter, page: Page) -> tuple[list[Row[Any]], int]:
    """One page of logs, each a run's columns and its `heartbeat_uuid`, and how many there are in all."""
    by_row = wanted.dry_run or wanted.status == "running"
    total, pruned = (_count_rows(connection, wanted), 0) if by_row else _count(connection, wanted)
    if page.offset >= total:
        return [], total
    filters = frozenset(wanted.filters)
    ids, of_list = _ids(filters, wanted.dry_run), wanted.filters
    # What is still going does not stay in its list.
    listed = MarkedList(ids, of_list, settled, pruned)
    start = ListPlace(page.offset) if by_row else place(connection, listed, page.offset)
    bounds = {**vars(start), "limit": page.size}
    return list(connection.execute(_page(filters, wanted.dry_run), {**of_list, **bounds})), total


@cache
def _page(filters: frozenset[str], dry_run: bool = False) -> Select[Any]:
    """The ids come first, from an index alone, so that a late page need not read the rows before it."""
    return _shown(_ids(filters, dry_run).where(RUN.c.id <= UP_TO).order_by(RUN.c.id.desc()))


@cache
def _ids(filters: frozenset[str], dry_run: bool) -> Select[Any]:
    ids = _logged(select(RUN.c.id), filters, dry_run)
    if "status" not in filters:
        # A run that is still going is no log.
        ids = ids.where(RUN.c.id.not_in(select(RUN.c.id).where(*_equal(filters), RUN.c.status == "running")))
    return ids


@cache
def _executed_ids() -> Select[Any]:
    together = union_all(*(_of_status(status) for status in EXECUTED)).subquery()
    return select(together.c.id)


def _of_status(status: str) -> Select[Any]:
    return _logged(select(RUN.c.id).where(RUN.c.status == status), frozenset({"heartbeat_id"}), dry_run=False)


@cache
def _executed_page() -> Select[Any]:
    """The newest of each status from its index, and of these the newest: no index has only runs that were executed."""
    newest = [
        _of_status(status)
        .where(RUN.c.id <= UP_TO)
        .order_by(RUN.c.id.desc())
        .limit(bindparam("reach", type_=BigInteger()))
        .subquery()
        for status in EXECUTED
    ]
    together = union_all(*(select(one.c.id) for one in newest)).subquery()
    return _shown(select(together.c.id).order_by(together.c.id.desc()))


def _shown(ids: Select[Any]) -> Select[Any]:
    """A page of these ids, in their order, with what is shown of each."""
    ids = ids.limit(bindparam("limit", type_=Integer())).offset(bindparam("offset", type_=BigInteger()))
    return (
        select(*SHOWN, HEARTBEAT.c.uuid.label("heartbeat_uuid"))
        .join(HEARTBEAT, HEARTBEAT.c.id == RUN.c.heartbeat_id)
        .where(RUN.c.id.in_(ids))
        .order_by(RUN.c.id.desc())
    )


def _equal(filters: frozenset[str]) -> list[ColumnElement[bool]]:
    """Just the columns of the index that serves these filters: a heartbeat has one bot and one member."""
    names = filters - {"bot_id", "member_id"} if "heartbeat_id" in filters else filters
    return [RUN.c[name] == bindparam(name) for name in sorted(names)]


def _logged(statement: Select[Any], filters: frozenset[str], dry_run: bool) -> Select[Any]:
    """Take the bot's rehearsals, or the runs that are none, told apart by the index of rehearsals: they are few."""
    of_bot = RUN.c.bot_id == bindparam("bot_id")
    if dry_run:
        return of_rehearsals(statement).where(of_bot, *_equal(filters))
    return statement.where(*_equal(filters), RUN.c.id.not_in(of_rehearsals(select(RUN.c.id)).where(of_bot)))


def _count(connection: Connection, wanted: LogFilter) -> tuple[int, int]:
    """How many logs there are, and how many are not kept any longer."""
    of_list = [HEARTBEAT.c.bot_id == wanted.bot_id]
    if wanted.heartbeat_id is not None:
        of_list.append(HEARTBEAT.c.id == wanted.heartbeat_id)
    if wanted.member_id is not None:
        of_list.append(HEARTBEAT.c.member_id == wanted.member_id)
    statuses = [wanted.status] if wanted.status else list(COUNTERS)
    sums = (sum(HEARTBEAT.c[names[status]] for status in statuses) for names in (COUNTERS, PRUNED))
    row = connection.execute(select(*(func.coalesce(func.sum(one), 0) for one in sums)).where(*of_list)).one()
    counted, pruned = map(int, row)
    return counted - pruned, pruned


def _count_rows(connection: Connection, wanted: LogFilter) -> int:
    counted = _logged(select(func.count()).select_from(RUN), frozenset(wanted.filters), wanted.dry_run)
    if wanted.status is None:
        counted = counted.where(RUN.c.status != "running")
    total: int = connection.execute(counted, wanted.filters).scalar_one()
    return total
