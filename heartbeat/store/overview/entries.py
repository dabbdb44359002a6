"""The credit ledger, line by line: read in pages by key, newest first, each page from an index.

Of a bot, a model or a day the runs lead to the entries: an entry names its run alone, and an index for each of these
would be written with every step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, or_, select, tuple_

from heartbeat.domain.errors import NotFound
from heartbeat.store.database.rows import columns, first
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from heartbeat.store.tables.types import BIG

ENTRY, HEARTBEAT, RUN = columns(Entry), columns(Heartbeat), columns(Run)
PROMPT_START = 200
MAX_GRANTS = 50

_ORIGIN = ENTRY.outerjoin(HEARTBEAT, HEARTBEAT.c.id == ENTRY.c.heartbeat_id).outerjoin(RUN, RUN.c.id == ENTRY.c.run_id)
_SHOWN = select(
    ENTRY,
    RUN.c.uuid.label("run_uuid"),
    HEARTBEAT.c.label,
    func.substr(HEARTBEAT.c.prompt, 1, PROMPT_START).label("prompt"),
).select_from(_ORIGIN)
_LISTED = _SHOWN.where(ENTRY.c.id < bindparam("before")).order_by(ENTRY.c.id.desc()).limit(bindparam("limit"))
_PERIOD = bindparam("start", type_=ENTRY.c.period_start.type)
_START = ENTRY.c.period_start == _PERIOD
OF_PERIOD = _LISTED.where(ENTRY.c.project_id == bindparam("project"), _START)
# PostgreSQL would walk through all entries since the period's, newest first. In this order they are in one index alone.
_PLACE = ENTRY.c.period_start, ENTRY.c.id
OF_PERIOD_BY_PLACE = (
    _SHOWN.where(ENTRY.c.project_id == bindparam("project"), ENTRY.c.period_start >= _PERIOD)
    .where(tuple_(*_PLACE) < tuple_(_PERIOD, bindparam("before", type_=BIG)))
    .order_by(*(column.desc() for column in _PLACE))
    .limit(bindparam("limit"))
)
# Found first: PostgreSQL would read the run of each entry of the period, and sort them then.
_IDS_OF_HEARTBEAT = (
    select(ENTRY.c.id)
    .where(ENTRY.c.heartbeat_id == bindparam("heartbeat"), _START, ENTRY.c.id < bindparam("before", type_=BIG))
    .order_by(ENTRY.c.id.desc())
    .limit(bindparam("limit"))
)
OF_HEARTBEAT = _SHOWN.where(ENTRY.c.id.in_(_IDS_OF_HEARTBEAT.correlate(None))).order_by(ENTRY.c.id.desc())
OF_RUN = _LISTED.where(ENTRY.c.run_id == bindparam("run"))
OF_RUNS = _SHOWN.where(ENTRY.c.run_id.in_(bindparam("runs", expanding=True))).order_by(
    ENTRY.c.run_id.desc(), ENTRY.c.id.desc()
)
# Only what is of no run has a key, and of keys there is an index. No range of them tells grants apart: which comes
# first is up to the database's collation.
GRANTS = (
    select(ENTRY)
    .where(
        ENTRY.c.project_id == bindparam("project"),
        ENTRY.c.key > "",
        or_(ENTRY.c.kind == "grant", ENTRY.c.kind == "adjust"),
    )
    .order_by(ENTRY.c.id.desc())
    .limit(MAX_GRANTS)
)


@dataclass(frozen=True)
class LedgerPage:
    """Entries, newest first, of a whole period, or of the heartbeat or the run that is there.

    `older` is the key under which the next page begins, if there is one.
    """

    entries: list[Row[Any]]
    older: int | None
    heartbeat: Heartbeat | None = None
    run: Run | None = None


@dataclass(frozen=True)
class LedgerChoice:
    """Which entries: of one run or one heartbeat, by public id, else of the whole project."""

    start: datetime
    heartbeat_uuid: str = ""
    run_uuid: str = ""


def ledger_page(connection: Connection, project: Project, choice: LedgerChoice, before: int, size: int) -> LedgerPage:
    """Read `size` entries whose keys are below `before`; raises `NotFound` for a heartbeat or run of nobody's."""
    values: dict[str, Any] = {"before": before, "limit": size + 1, "start": choice.start, "project": project.id}
    heartbeat, run = None, None
    statement = OF_PERIOD if connection.dialect.name == "sqlite" else OF_PERIOD_BY_PLACE
    if choice.run_uuid:
        run = _one(connection, Run, RUN, project, choice.run_uuid)
        values["run"], statement = run.id, OF_RUN
    elif choice.heartbeat_uuid:
        heartbeat = _one(connection, Heartbeat, HEARTBEAT, project, choice.heartbeat_uuid)
        values["heartbeat"], statement = heartbeat.id, OF_HEARTBEAT
    rows = list(connection.execute(statement, values))
    return LedgerPage(rows[:size], rows[size - 1].id if len(rows) > size else None, heartbeat, run)


def entries_of_runs(connection: Connection, access: Access, run_ids: Sequence[int]) -> list[Row[Any]]:
    """Read all entries of these runs, the newest run first."""
    return list(connection.execute(OF_RUNS, {"runs": run_ids})) if run_ids else []


def _one(connection: Connection, table: Any, core: Any, project: Project, uuid: str) -> Any:
    """Read the project's row with this public id, a deleted one too; raises `NotFound`."""
    mine = (core.c.uuid == as_public_id(uuid)) & (core.c.project_id == project.id)
    row = first(connection, table, select(core).where(mine))
    if row is None:
        raise NotFound(core.name, uuid[:64])
    return row


def grants(connection: Connection, project: Project) -> list[Row[Any]]:
    """List the newest credits that the operator gave or took back, newest first."""
    return list(connection.execute(GRANTS, {"project": project.id}))
