"""The heartbeats of a project over all bots: filtered, sorted, page by page, and how many are in which state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, case, func, literal_column, select

from heartbeat.store.bots.bots import BOT
from heartbeat.store.database.pages import ListFilter, Page, having_words
from heartbeat.store.database.rows import built
from heartbeat.store.heartbeats.heartbeats import HEARTBEAT, IS_HEARTBEAT
from heartbeat.store.overview.projects import PROMPT_START, START, WITHOUT_PROMPT
from heartbeat.store.runs.runs import RUN
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.run_indexes import of_running
from heartbeat.store.tools.servers import TOOL


@dataclass(frozen=True)
class ListedHeartbeat:
    """A heartbeat, with the start of its prompt alone, its bot's name, and how many of the bot's tools changed."""

    heartbeat: Heartbeat
    bot_name: str
    changed_tools: int = 0


@dataclass(frozen=True)
class HeartbeatStates:
    """How many heartbeats are on, paused by the product, and off because their owner wants it."""

    on: int = 0
    paused: int = 0
    off: int = 0

    @property
    def total(self) -> int:
        return self.on + self.paused + self.off


@dataclass(frozen=True)
class HeartbeatFilter(ListFilter):
    """Which heartbeats, by words in label, prompt or bot's name; `show` is one of `SHOWN`, `sort` one of `SORTS`."""

    sort: str = "state"


_IS_PAUSED = HEARTBEAT.c.pause_reason.is_not(None)
# A deleted bot has deleted heartbeats alone, so bots are looked at only for their names.
_MINE = (HEARTBEAT.c.project_id == bindparam("project_id")) & IS_HEARTBEAT
_RUNNING = of_running(select(RUN.c.heartbeat_id).where(RUN.c.dry_run.is_(False)))

# In the order of the list by states; an index has all that is asked.
_IN_STATE: Mapping[str, ColumnElement[bool]] = {
    "paused": ~HEARTBEAT.c.enabled & _IS_PAUSED,
    "on": HEARTBEAT.c.enabled & ~_IS_PAUSED,
    "off": ~HEARTBEAT.c.enabled & ~_IS_PAUSED,
}
SHOWN: Mapping[str, ColumnElement[bool]] = {
    **_IN_STATE,
    "pending": HEARTBEAT.c.enabled & (HEARTBEAT.c.synced_version < HEARTBEAT.c.version),
    "failed": literal_column("heartbeat.last_status = 'error'"),
    "running": HEARTBEAT.c.id.in_(_RUNNING),
}
# Of these there are few, and SQLite would look at all.
FEW = {"pending": "INDEXED BY ix_heartbeat_unsynced", "failed": "INDEXED BY ix_heartbeat_failed"}
_THIS_PERIOD = HEARTBEAT.c.period_start == bindparam("period_start", type_=HEARTBEAT.c.period_start.type)
# Each ends with what tells all rows apart, so that no page repeats or leaves out one.
SORTS: Mapping[str, tuple[ColumnElement[Any], ...]] = {
    # Those that need somebody first.
    "state": (case((_IS_PAUSED, 0), (HEARTBEAT.c.enabled, 1), else_=2), HEARTBEAT.c.bot_id),
    "next": (case((HEARTBEAT.c.enabled, HEARTBEAT.c.next_tick_at)).nulls_last(),),
    "last": (HEARTBEAT.c.last_executed_at.desc().nulls_last(),),
    "credits": (case((_THIS_PERIOD, HEARTBEAT.c.period_credits), else_=0).desc(),),
    "name": (func.lower(func.coalesce(HEARTBEAT.c.label, func.substr(HEARTBEAT.c.prompt, 1, PROMPT_START))),),
}

_NAMES = (*(column.name for column in WITHOUT_PROMPT), "prompt")
_CHANGED_TOOLS = (
    select(func.coalesce(func.sum(TOOL.c.changed_count), 0))
    .where(TOOL.c.bot_id == BOT.c.id, TOOL.c.is_enabled)
    .scalar_subquery()
)

# Each counted by a walk of its own, which need not look at what it passes.
STATES = select(
    *(
        select(func.count()).select_from(HEARTBEAT).where(_MINE, in_state).scalar_subquery().label(name)
        for name, in_state in _IN_STATE.items()
    )
)
IDS_BY_STATE = {
    name: select(HEARTBEAT.c.id)
    .where(_MINE, in_state)
    .order_by(HEARTBEAT.c.bot_id, HEARTBEAT.c.id)
    .limit(bindparam("limit"))
    .offset(bindparam("offset"))
    for name, in_state in _IN_STATE.items()
}
LISTED = select(*WITHOUT_PROMPT, START, BOT.c.name, _CHANGED_TOOLS).select_from(
    HEARTBEAT.join(BOT, BOT.c.id == HEARTBEAT.c.bot_id)
)


def heartbeat_page(
    connection: Connection,
    project: Project,
    wanted: HeartbeatFilter,
    page: Page,
    period_start: datetime,
    counts: HeartbeatStates,
) -> tuple[list[ListedHeartbeat], int]:
    """Read one page of a project's heartbeats, and how many there are; credits are those of this period.

    `counts` are those of the whole project.
    """
    parameters = {"project_id": project.id, "period_start": period_start}
    if wanted.words or wanted.show not in ("", *_IN_STATE):
        in_order, total = _counted_ids(connection, parameters, wanted, page)
    else:
        names = [wanted.show] if wanted.show else [*_IN_STATE]
        total = sum(getattr(counts, name) for name in names)
        if wanted.sort == "state":
            in_order = _ids_by_state(connection, parameters, names, page, counts)
        else:
            in_order = list(connection.execute(_page_of(select(HEARTBEAT.c.id), wanted, page), parameters).scalars())
    rows = connection.execute(LISTED.where(HEARTBEAT.c.id.in_(in_order)))
    listed = {row[0]: _listed(row) for row in rows}
    return [listed[heartbeat_id] for heartbeat_id in in_order], total


def _ids_by_state(
    connection: Connection, parameters: Mapping[str, Any], names: Sequence[str], page: Page, counts: HeartbeatStates
) -> list[int]:
    """Read the ids from the index, past those of the states before without a look at them."""
    ids: list[int] = []
    offset = page.offset
    for name in names:
        number: int = getattr(counts, name)
        if offset < number and len(ids) < page.size:
            bounds = {"limit": page.size - len(ids), "offset": offset}
            ids += connection.execute(IDS_BY_STATE[name], {**parameters, **bounds}).scalars()
        offset = max(0, offset - number)
    return ids


def _counted_ids(
    connection: Connection, parameters: Mapping[str, Any], wanted: HeartbeatFilter, page: Page
) -> tuple[list[int], int]:
    """Find the ids, and count all that are wanted, in one walk."""
    counted = select(HEARTBEAT.c.id, func.count().over())
    counted = counted.with_hint(HEARTBEAT, FEW[wanted.show], "sqlite") if wanted.show in FEW else counted
    rows = connection.execute(_page_of(counted, wanted, page), parameters).all()
    if rows or page.number == 1:
        return [row[0] for row in rows], rows[0][1] if rows else 0
    number = select(func.count(HEARTBEAT.c.id)).where(*_wanted(wanted))
    return [], connection.execute(number, parameters).scalar_one()


def _page_of(statement: Select[Any], wanted: HeartbeatFilter, page: Page) -> Select[Any]:
    in_order = statement.where(*_wanted(wanted)).order_by(*SORTS[wanted.sort], HEARTBEAT.c.id)
    return in_order.limit(page.size).offset(page.offset)


def _wanted(wanted: HeartbeatFilter) -> list[ColumnElement[bool]]:
    conditions = [_MINE, *([SHOWN[wanted.show]] if wanted.show else [])]
    if wanted.words:
        conditions.append(BOT.c.id == HEARTBEAT.c.bot_id)
    return conditions + having_words(wanted.words, HEARTBEAT.c.uuid, HEARTBEAT.c.label, HEARTBEAT.c.prompt, BOT.c.name)


def _listed(row: Any) -> ListedHeartbeat:
    *values, bot_name, changed_tools = row
    return ListedHeartbeat(built(Heartbeat, _NAMES, values), bot_name, changed_tools)


def states(connection: Connection, project: Project) -> HeartbeatStates:
    """Count the project's heartbeats by their state."""
    return HeartbeatStates(**connection.execute(STATES, {"project_id": project.id}).mappings().one())
