"""A project's runs by filter, newest first, read piece by piece: each piece is a short look, however many there are.

An index leads to the candidates: the runs of one status and of a heartbeat, a member, a bot, or every bot. What no
index holds (who triggered it, its words) is looked up in so many of them at a time. The order is that of the ids: runs
are numbered as they are opened.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    bindparam,
    func,
    or_,
    select,
    text,
    union_all,
)

from heartbeat.domain.errors import NotFound
from heartbeat.store.database.rows import columns
from heartbeat.store.projects.access import as_public_id
from heartbeat.store.runs.logs import SHOWN
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.run_indexes import of_rehearsals
from heartbeat.store.tables.runs import Run
from heartbeat.store.tables.types import BIG, UtcDateTime

RUN, HEARTBEAT, BOT = columns(Run), columns(Heartbeat), columns(Bot)

REHEARSAL = "rehearsal"
# So many runs are looked at in one piece when no index holds what is asked for.
LOOK_AT = 500
# More branches than these cost more than they save, and SQLite has no more than 500: then all runs are walked, most of
# which are the project's.
MAX_BRANCHES = 100
# Runs are opened by several processes: a later id may have begun a little earlier.
SLACK = timedelta(minutes=10)
NEWEST = 2**62
POSITION = re.compile(r"[0-9]{1,18}")
# Enough of a text for a line.
TEXT_START = 700
TEXTS = ("prompt", "response", "error_message")

_OWNER = (
    HEARTBEAT.c.uuid.label("heartbeat_uuid"),
    HEARTBEAT.c.timezone,
    HEARTBEAT.c.label.label("heartbeat_label"),
    func.substr(HEARTBEAT.c.prompt, 1, TEXT_START).label("heartbeat_prompt"),
    HEARTBEAT.c.type.label("heartbeat_type"),
    HEARTBEAT.c.deleted_at,
    HEARTBEAT.c.ended_as,
    BOT.c.uuid.label("bot_uuid"),
    BOT.c.name.label("bot_name"),
)
WHOLE = (*SHOWN, *_OWNER)
STARTS = (
    *(column for column in SHOWN if column.name not in (*TEXTS, "report")),
    *(func.substr(RUN.c[name], 1, TEXT_START).label(name) for name in TEXTS),
    *_OWNER,
)
# The last id that was opened before an instant, by halving: there is no index of times.
LAST_BEFORE = text("""
    WITH RECURSIVE halving(low, high) AS (
        SELECT CAST(0 AS BIGINT), CAST(coalesce((SELECT max(id) FROM run), 0) AS BIGINT)
        UNION ALL
        SELECT CASE WHEN run.started_at < :instant THEN (low + high + 1) / 2 ELSE low END,
            CASE WHEN run.started_at < :instant THEN high ELSE (low + high + 1) / 2 - 1 END
        FROM halving JOIN run ON run.id = (SELECT min(id) FROM run WHERE id >= (low + high + 1) / 2)
        WHERE low < high
    )
    SELECT low FROM halving WHERE low = high
""").bindparams(bindparam("instant", type_=UtcDateTime()))


@dataclass(frozen=True)
class RunFilter:
    """Which of a project's runs; `bot_ids` are all its bots, or the one that is asked for.

    `trigger` may be `rehearsal`, and those are of no other trigger. `since` is included, `until` is not. Each of the
    `words` stands in the prompt, the answer or the error. `began` leaves out ticks at which nothing ran.
    """

    project_id: int
    bot_ids: tuple[int, ...]
    heartbeat_id: int | None = None
    member_id: int | None = None
    status: str | None = None
    skip_reason: str | None = None
    trigger: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    words: tuple[str, ...] = ()
    model: str | None = None
    began: bool = False

    @property
    def is_indexed(self) -> bool:
        """Whether every candidate is one of those that are wanted."""
        two_indexes = self.heartbeat_id is not None and self.member_id is not None
        looked_up = (self.skip_reason, self.trigger, self.since, self.until, self.words, self.model, self.began)
        return not (two_indexes or any(looked_up))


@dataclass(frozen=True)
class IdRange:
    """The runs that may be wanted: after one id and before another."""

    after: int = 0
    before: int = NEWEST


@dataclass(frozen=True)
class RunPiece:
    """Some runs, newest first, out of `looked_at`; `rest` are those that were not looked at, if there are any."""

    rows: list[Row[Any]]
    looked_at: int
    rest: IdRange | None


@dataclass(frozen=True)
class RunPlace:
    """Where a list was left: the `position` to go on from, and when the last run began that was looked at.

    A position is the number of a run: it stays where it is when that run is not kept any longer.
    """

    position: str
    started_at: datetime


def id_range(connection: Connection, wanted: RunFilter, before: str | None = None) -> IdRange:
    """Find between which ids runs of these dates are, and before which position or log id; raises `NotFound`."""
    after, end = 0, NEWEST
    if wanted.since is not None:
        after = _last_before(connection, wanted.since - SLACK)
    if wanted.until is not None:
        end = _last_before(connection, wanted.until + SLACK) + 1
    if before is not None:
        end = min(end, _id_at(connection, wanted.project_id, before))
    return IdRange(after, end)


def read_piece(
    connection: Connection, wanted: RunFilter, ids: IdRange, limit: int, shown: Sequence[Any] = STARTS
) -> RunPiece:
    """Read at most `limit` of the runs in a range, each with the columns `shown`."""
    if not wanted.bot_ids:
        return RunPiece([], 0, None)
    # One more than wanted tells whether there are others.
    most = limit + 1 if wanted.is_indexed else max(LOOK_AT, limit + 1)
    bounds = {"after": ids.after, "before": ids.before, "most": most}
    candidates = list(connection.execute(_candidates(wanted, connection.dialect.name), bounds).scalars())
    rows = list(connection.execute(_matching(wanted, candidates, shown).limit(limit + 1))) if candidates else []
    if len(rows) > limit:
        rows = rows[:limit]
        return RunPiece(rows, candidates.index(rows[-1].id) + 1, replace(ids, before=rows[-1].id))
    rest = replace(ids, before=candidates[-1]) if len(candidates) == most else None
    return RunPiece(rows, len(candidates), rest)


def place(connection: Connection, ids: IdRange) -> RunPlace | None:
    """Read where a range begins, to go on from there later; `None` if no runs are left in it."""
    newest = select(RUN.c.started_at).where(RUN.c.id <= ids.before).order_by(RUN.c.id.desc()).limit(1)
    started_at = connection.execute(newest).scalar()
    return None if started_at is None else RunPlace(str(ids.before), started_at)


def _last_before(connection: Connection, instant: datetime) -> int:
    last: int = connection.execute(LAST_BEFORE, {"instant": instant}).scalar_one()
    return last


def _id_at(connection: Connection, project_id: int, position: str) -> int:
    if POSITION.fullmatch(position):
        return int(position)
    return _id_of(connection, project_id, position)


def _id_of(connection: Connection, project_id: int, run_uuid: str) -> int:
    of_project = (RUN.c.uuid == as_public_id(run_uuid)) & (RUN.c.project_id == project_id)
    run_id: int | None = connection.execute(select(RUN.c.id).where(of_project)).scalar()
    if run_id is None:
        raise NotFound("run", run_uuid[:64])
    return run_id


def _candidates(wanted: RunFilter, dialect: str) -> Select[Any]:
    """Select the ids that an index leads to; several bots' are merged as they come, none is sorted."""
    bounds = (
        RUN.c.id > bindparam("after", type_=BIG),
        RUN.c.id < bindparam("before", type_=BIG),
        *([RUN.c.status == wanted.status] if wanted.status else []),
    )
    most = bindparam("most", type_=Integer())
    branches = [select(RUN.c.id).where(*equal, *bounds) for equal in _branches(wanted)]
    if wanted.trigger == REHEARSAL:
        branches = [of_rehearsals(branch) for branch in branches]
    if dialect != "sqlite" and len(branches) > 1:
        # PostgreSQL merges branches only if each is in order by itself; SQLite would then sort each.
        branches = [branch.order_by(RUN.c.id.desc()).limit(most) for branch in branches]
    ids = (union_all(*branches) if len(branches) > 1 else branches[0]).subquery("ids")
    return select(ids.c.id).order_by(ids.c.id.desc()).limit(most)


def _branches(wanted: RunFilter) -> list[list[ColumnElement[bool]]]:
    """Say of whom the runs are, once for each walk through an index."""
    if wanted.trigger == REHEARSAL:
        if len(wanted.bot_ids) > MAX_BRANCHES:
            # They are few enough to be sorted.
            return [[RUN.c.bot_id.in_(wanted.bot_ids)]]
        return [[RUN.c.bot_id == bot_id] for bot_id in wanted.bot_ids]
    if wanted.heartbeat_id is not None:
        return [[RUN.c.heartbeat_id == wanted.heartbeat_id]]
    if len(wanted.bot_ids) > MAX_BRANCHES:
        return [[RUN.c.project_id == wanted.project_id]]
    of_member = [RUN.c.member_id == wanted.member_id] if wanted.member_id is not None else []
    return [[RUN.c.bot_id == bot_id, *of_member] for bot_id in wanted.bot_ids]


def _matching(wanted: RunFilter, candidates: Sequence[int], shown: Sequence[Any]) -> Select[Any]:
    """Select those of the candidates that are wanted."""
    joined = RUN.join(HEARTBEAT, HEARTBEAT.c.id == RUN.c.heartbeat_id).join(BOT, BOT.c.id == RUN.c.bot_id)
    listed = select(*shown).select_from(joined).where(RUN.c.id.in_(candidates), RUN.c.project_id == wanted.project_id)
    return listed.where(*_conditions(wanted)).order_by(RUN.c.id.desc())


def _conditions(wanted: RunFilter) -> list[ColumnElement[bool]]:
    # The candidates are found by their ids, whatever other index these might tempt the planner to walk through.
    owners = {RUN.c.heartbeat_id: wanted.heartbeat_id, RUN.c.member_id: wanted.member_id}
    equal = [func.coalesce(column, 0) == value for column, value in owners.items() if value is not None]
    if wanted.skip_reason is not None:
        equal.append(RUN.c.skip_reason == wanted.skip_reason)
    if wanted.model is not None:
        equal.append(RUN.c.model == wanted.model)
    if wanted.began:
        equal.append(RUN.c.status != "skipped")
    if wanted.trigger == REHEARSAL:
        equal.append(RUN.c.dry_run)
    elif wanted.trigger is not None:
        equal += [RUN.c.trigger == wanted.trigger, ~RUN.c.dry_run]
    if wanted.since is not None:
        equal.append(RUN.c.started_at >= wanted.since)
    if wanted.until is not None:
        equal.append(RUN.c.started_at < wanted.until)
    return [*equal, *(_says(word) for word in wanted.words)]


def _says(word: str) -> ColumnElement[bool]:
    """Whether a run's words have this one, in large or small letters."""
    # SQLite knows the small letters of English alone.
    spellings = {word} if word.isascii() else {word, word.lower(), word.upper(), word.capitalize()}
    return or_(*(RUN.c[name].icontains(spelling, autoescape=True) for name in TEXTS for spelling in sorted(spellings)))
