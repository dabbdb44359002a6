"""Slots of what is bounded. A run that finds none free waits for one, in the order of `_grant`, holding nothing.

A slot belongs to a run until it is given back, or until it expires: that of a worker that died, if nobody goes on with
its step. Whoever gives one back grants it to a run that waits, and wakes that. Each scope has a row that is locked
first, so that all who take and grant its slots do so one after another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, func, or_, select, update

from heartbeat.domain.bounds import PROVIDER, Bound, Bounds
from heartbeat.store.database.rows import columns, exactly_one, first, insert_once
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Capacity, Run, Slot, Step

CAPACITY, SLOT, RUN, PROJECT, STEP = (columns(table) for table in (Capacity, Slot, Run, Project, Step))

WAITING = "capacity"
# Within so long a run that was granted a slot has come for it, or it is granted anew, to whom has waited longest.
TAKEN_WITHIN = timedelta(minutes=1)

IS_ANSWERED = exists().where(STEP.c.run_id == RUN.c.id, STEP.c.number == bindparam("step"))
CLAIMING = (
    select(RUN.c.id, RUN.c.project_id, RUN.c.waiting, RUN.c.model, RUN.c.fallback_models, PROJECT.c.plan)
    .join(PROJECT, PROJECT.c.id == RUN.c.project_id)
    .where(RUN.c.uuid == bindparam("run_uuid"), RUN.c.status == "running", ~IS_ANSWERED)
)
LOCK = select(CAPACITY).where(CAPACITY.c.scope == bindparam("scope")).with_for_update()
MINE = select(SLOT).where(SLOT.c.scope == bindparam("scope"), SLOT.c.run_id == bindparam("run_id"))


@dataclass(frozen=True)
class SlotClaim:
    """A step that is about to ask a model, and how long it may take, or its run until its next step."""

    run_uuid: str
    step: int
    model_index: int
    step_time: timedelta
    run_time: timedelta


@dataclass(frozen=True)
class Waking:
    """The workflow of a run that was granted a slot, and the step of it that waits."""

    run_id: int
    workflow_id: str
    step: int


def claim_slots(connection: Connection, claim: SlotClaim, bounds: Bounds, now: datetime) -> tuple[bool, list[Waking]]:
    """Take the slots that a step needs, or have it wait for the first that is not free; whether it has them all.

    With it come the runs that were granted slots meanwhile. A step whose answer is written asks nobody and needs none.
    """
    row = connection.execute(CLAIMING, {"run_uuid": claim.run_uuid, "step": claim.step}).first()
    if row is None:
        return True, []
    model = [row.model, *(row.fallback_models or ())][claim.model_index]
    has_all, waking = True, []
    for bound in bounds.of(row.project_id, row.plan, model):
        until = now + (claim.step_time if bound.scope.startswith(PROVIDER) else claim.run_time)
        has_all, granted = _take(connection, bound, (row, claim.step), until, now)
        waking += granted
        if not has_all:
            break
    if has_all == (row.waiting == WAITING):
        connection.execute(update(RUN).where(RUN.c.id == row.id).values(waiting=None if has_all else WAITING))
    return has_all, waking


def release_slots(connection: Connection, run_uuid: str, kind: str, bounds: Bounds, now: datetime) -> list[Waking]:
    """Give back a run's slots of one kind, `""` for all, and grant them to those who wait for them."""
    of_run = SLOT.c.run_id == select(RUN.c.id).where(RUN.c.uuid == run_uuid).scalar_subquery()
    scopes = connection.execute(
        select(SLOT.c.scope).where(of_run, SLOT.c.scope.startswith(kind)).order_by(SLOT.c.scope)
    )
    waking = []
    for scope in scopes.scalars().all():
        _lock(connection, scope, now)
        connection.execute(delete(SLOT).where(of_run, SLOT.c.scope == scope))
        waking += _grant(connection, scope, _size(connection, scope, bounds), now)
    return waking


def grant_free_slots(connection: Connection, bounds: Bounds, now: datetime) -> list[Waking]:
    """Take back what ended runs hold, grant what is free, and name all that were granted some and have not come."""
    has_ended = ~select(RUN.c.id).where(RUN.c.id == SLOT.c.run_id, RUN.c.status == "running").exists()
    scopes = select(SLOT.c.scope).where(or_(~SLOT.c.is_held, has_ended)).distinct().order_by(SLOT.c.scope)
    for scope in connection.execute(scopes).scalars().all():
        _lock(connection, scope, now)
        connection.execute(delete(SLOT).where(SLOT.c.scope == scope, has_ended))
        _grant(connection, scope, _size(connection, scope, bounds), now)
    # Who has its project's slot and waits for its provider's was granted nothing new.
    other = SLOT.alias()
    waits = select(other.c.id).where(other.c.run_id == SLOT.c.run_id, ~other.c.is_held).exists()
    return _waking(connection, SLOT.c.is_held, RUN.c.waiting == WAITING, ~waits)


def _take(
    connection: Connection, bound: Bound, of_step: tuple[Any, int], until: datetime, now: datetime
) -> tuple[bool, list[Waking]]:
    run, step = of_step
    _lock(connection, bound.scope, now)
    place = {"scope": bound.scope, "run_id": run.id}
    values = {**place, "project_id": run.project_id, "step": step, "is_held": False, "expires_at": now}
    first(connection, Slot, insert_once(connection.dialect.name, SLOT), values)
    granted = [other for other in _grant(connection, bound.scope, bound.size, now) if other.run_id != run.id]
    mine = exactly_one(connection, Slot, MINE, place)
    taken = {"step": step, "expires_at": until} if mine.is_held else {"step": step}
    connection.execute(update(SLOT).where(SLOT.c.id == mine.id).values(taken))
    return mine.is_held, granted


def _lock(connection: Connection, scope: str, now: datetime) -> None:
    """Have a scope to oneself until the transaction ends, and take back what nobody gave back in time."""
    first(connection, Capacity, insert_once(connection.dialect.name, CAPACITY), {"scope": scope})
    exactly_one(connection, Capacity, LOCK, {"scope": scope})
    _expire(connection, scope, now)


def _size(connection: Connection, scope: str, bounds: Bounds) -> int | None:
    """How many may hold a slot of it; `None` where the settings have no bound for it any more."""
    kind, _, name = scope.partition(":")
    if kind == PROVIDER:
        return bounds.requests.get(name)
    plan = connection.execute(select(PROJECT.c.plan).where(PROJECT.c.id == int(name))).scalar()
    return bounds.runs.get(plan or "")


def _grant(connection: Connection, scope: str, size: int | None, now: datetime) -> list[Waking]:
    """Grant the slots that are free: first to the project that has the fewest, then to whom has waited longest."""
    of_scope = SLOT.c.scope == scope
    by_project = select(SLOT.c.project_id, func.count()).where(of_scope, SLOT.c.is_held).group_by(SLOT.c.project_id)
    held: dict[int, int] = {row[0]: row[1] for row in connection.execute(by_project)}
    free = None if size is None else size - sum(held.values())
    if free is not None and free <= 0:
        return []
    ids = _next(connection, scope, held, free)
    if not ids:
        return []
    granted = update(SLOT).where(SLOT.c.id.in_(ids)).values(is_held=True, expires_at=now + TAKEN_WITHIN)
    connection.execute(granted)
    return _waking(connection, SLOT.c.id.in_(ids))


def _expire(connection: Connection, scope: str, now: datetime) -> None:
    """Take back what is not given back; who was granted a slot and has not come keeps its place."""
    expired = SLOT.c.scope == scope, SLOT.c.is_held, SLOT.c.expires_at <= now
    waits = select(RUN.c.id).where(RUN.c.id == SLOT.c.run_id, RUN.c.status == "running", RUN.c.waiting == WAITING)
    connection.execute(update(SLOT).where(*expired, waits.exists()).values(is_held=False))
    connection.execute(delete(SLOT).where(*expired))


def _waking(connection: Connection, *which: ColumnElement[bool]) -> list[Waking]:
    rows = select(RUN.c.id, RUN.c.workflow_id, SLOT.c.step).join(SLOT, SLOT.c.run_id == RUN.c.id).where(*which)
    return [Waking(*row) for row in connection.execute(rows.distinct())]


def _next(connection: Connection, scope: str, held: dict[int, int], free: int | None) -> Sequence[int]:
    place = func.row_number().over(partition_by=SLOT.c.project_id, order_by=SLOT.c.id).label("place")
    waiting = select(SLOT.c.id, SLOT.c.project_id, place).where(SLOT.c.scope == scope, ~SLOT.c.is_held).subquery()
    # Of each project no more than could be granted at all.
    few = select(waiting) if free is None else select(waiting).where(waiting.c.place <= free)
    rows = sorted(connection.execute(few), key=lambda row: (row.place + held.get(row.project_id, 0), row.id))
    return [row.id for row in rows[:free]]
