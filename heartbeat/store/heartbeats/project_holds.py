"""Holds of a whole project: while one is in force nothing starts, and each tick becomes a log that says why.

A hold is in force from its commit on. Ticks that are accounted for later are held if they came during one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, and_, bindparam, exists, func, or_, select, update

from heartbeat.domain.errors import Conflict
from heartbeat.domain.horizon import require_end
from heartbeat.store.audit.recording import field_changes, record
from heartbeat.store.database.rows import columns, exactly_one, first, many
from heartbeat.store.tables.heartbeats import DRAFT, Heartbeat
from heartbeat.store.tables.projects import Project, ProjectHold
from heartbeat.store.tables.run_indexes import of_running
from heartbeat.store.tables.runs import Approval, Run

HOLD, PROJECT, HEARTBEAT = columns(ProjectHold), columns(Project), columns(Heartbeat)
RUN, APPROVAL = columns(Run), columns(Approval)

Running = Literal["finish", "cancel"]

MAX_REASON = 500
SECOND = timedelta(seconds=1)

_NOW = bindparam("now", type_=HOLD.c.created_at.type)
_ENDS = func.coalesce(HOLD.c.released_at, HOLD.c.until)
IN_FORCE = and_(HOLD.c.released_at.is_(None), or_(HOLD.c.until.is_(None), HOLD.c.until > _NOW))
_TICK = bindparam("tick", type_=HOLD.c.created_at.type)
CAME_DURING = and_(HOLD.c.created_at <= _TICK, or_(_ENDS.is_(None), _ENDS > _TICK))
_OF_PROJECT = select(HOLD).where(HOLD.c.project_id == bindparam("project_id"), IN_FORCE)

# Somebody decides, or has just decided, about a call of the run: that is theirs, and no cancellation overrides it.
_WITH_A_PERSON = exists().where(
    APPROVAL.c.run_id == RUN.c.id, or_(APPROVAL.c.state == "pending", APPROVAL.c.decided_at >= HOLD.c.created_at)
)
_TO_CANCEL = (
    of_running(select(RUN))
    .join(HOLD, HOLD.c.project_id == RUN.c.project_id)
    .where(HOLD.c.running == "cancel", IN_FORCE, ~_WITH_A_PERSON)
    .order_by(RUN.c.id)
)


@dataclass(frozen=True)
class NewHold:
    """A hold that somebody asks for; `until` of `None` has no end."""

    reason: str
    until: datetime | None = None
    running: Running = "finish"


def hold_project(connection: Connection, project: Project, hold: NewHold, by: str, now: datetime) -> ProjectHold:
    """Put a project on hold; another hold of it ends at this moment. Raises `Invalid`.

    `await_openings` must follow in a transaction of its own before anybody is told that nothing starts any more.
    """
    if hold.until is not None:
        require_end(hold.until, now)
    _lock(connection, project)
    _release(connection, project, now)
    row = {"project_id": project.id, **vars(hold), "held_by": by, "created_at": now}
    record(connection, project.id, "project.hold", project.uuid, project.name, field_changes({}, vars(hold)))
    return exactly_one(connection, ProjectHold, HOLD.insert().values(**row).returning(HOLD))


def await_openings(connection: Connection, project: Project) -> None:
    """Wait for the runs that are being opened at this moment, which may not have seen a hold that was just committed.

    Who opens a run has its heartbeat locked before it looks for holds.
    """
    opened = HEARTBEAT.c.deleted_at.is_(None) | (HEARTBEAT.c.type == DRAFT)
    locks = select(HEARTBEAT.c.id).where(HEARTBEAT.c.project_id == project.id, opened).order_by(HEARTBEAT.c.id)
    connection.execute(locks.with_for_update(key_share=True)).all()


def release_project(connection: Connection, project: Project, now: datetime) -> None:
    """Let a project's ticks run again; releasing one that is not on hold changes nothing."""
    _lock(connection, project)
    if _release(connection, project, now):
        record(connection, project.id, "project.release", project.uuid, project.name)


def hold_in_force(connection: Connection, project: Project, now: datetime) -> ProjectHold | None:
    """Read the hold that a project is on; `None` when it is on none."""
    return first(connection, ProjectHold, _OF_PROJECT, {"project_id": project.id, "now": now})


def released_after(hold: ProjectHold | None, now: datetime) -> datetime | None:
    """The instant after which the next tick runs: now, or the end of a hold; `None` while it has none."""
    if hold is None or (hold.until is not None and hold.until <= now):
        return now
    return hold.until - SECOND if hold.until is not None else None


def require_no_hold(connection: Connection, project: Project, now: datetime) -> None:
    """Raises `Conflict` while the project is on hold."""
    hold = hold_in_force(connection, project, now)
    if hold is not None:
        ends = f"until {hold.until:%Y-%m-%d %H:%M} UTC" if hold.until else "until somebody releases it"
        message = f"The project is on hold {ends}, so nothing is started. The reason: {hold.reason}"
        raise Conflict("project_on_hold", message)


def hold_words(connection: Connection, hold_id: int) -> str:
    """Say in a log why its run did not start."""
    return said_of(read_hold(connection, hold_id))


def read_hold(connection: Connection, hold_id: int) -> ProjectHold:
    """Read a hold that is known to be there."""
    return exactly_one(connection, ProjectHold, select(HOLD).where(HOLD.c.id == hold_id))


def said_of(hold: ProjectHold) -> str:
    return f"The project was put on hold by {hold.held_by}. The reason: {hold.reason}"


def holds_during(connection: Connection, heartbeat: Heartbeat, ticks: Sequence[datetime]) -> dict[datetime, str]:
    """Those of `ticks` (in order) that came while the project was on hold, each with what its log says of that."""
    overlap = HOLD.c.created_at <= ticks[-1], or_(_ENDS.is_(None), ticks[0] < _ENDS)
    of_project = select(HOLD).where(HOLD.c.project_id == heartbeat.project_id, *overlap).order_by(HOLD.c.id)
    words: dict[datetime, str] = {}
    for hold in many(connection, ProjectHold, of_project):
        ends = hold.released_at or hold.until
        came = (tick for tick in ticks if hold.created_at <= tick and (ends is None or tick < ends))
        words |= dict.fromkeys(came, said_of(hold))
    return words


def runs_to_cancel(connection: Connection, now: datetime, project: Project | None = None) -> list[Run]:
    """List the runs that a hold cancels, of one project or of all: none that waits for a person."""
    which = _TO_CANCEL if project is None else _TO_CANCEL.where(RUN.c.project_id == project.id)
    return many(connection, Run, which, {"now": now})


def cancelled_by(connection: Connection, run: Run, now: datetime) -> str | None:
    """Say which hold cancelled a run that ends as cancelled; `None` when that was no hold."""
    in_force = {"project_id": run.project_id, "now": now}
    hold = first(connection, ProjectHold, _OF_PROJECT.where(HOLD.c.running == "cancel"), in_force)
    return said_of(hold) if hold else None


def _lock(connection: Connection, project: Project) -> None:
    """Have holds of one project come one after the other. Runs, which refer to it, go on being written."""
    connection.execute(select(PROJECT.c.id).where(PROJECT.c.id == project.id).with_for_update(key_share=True))


def _release(connection: Connection, project: Project, now: datetime) -> bool:
    """End the hold of a project now, or when it ended by itself before that; tells whether it was on one until now."""
    over = HOLD.c.until.is_not(None) & (HOLD.c.until < now)
    unreleased = (HOLD.c.project_id == project.id) & HOLD.c.released_at.is_(None)
    connection.execute(update(HOLD).where(unreleased & over).values(released_at=HOLD.c.until))
    return connection.execute(update(HOLD).where(unreleased).values(released_at=now)).rowcount > 0
