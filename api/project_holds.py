"""Put a project on hold, over the API or in the dashboard: nothing starts any more once this returns."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from api.deps import Stack
from heartbeat.store.heartbeats import project_holds as store
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.projects import ProjectHold
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.runs import cancel_runs

Write = Callable[..., Awaitable[Any]]


async def put_on_hold(stack: Stack, write: Write, hold: store.NewHold) -> tuple[ProjectHold, int]:
    """Hold the project, and return how many of its runs were asked to end; Upkeep asks those that were not reached.

    `write` runs a function of a connection and an access in a transaction.
    """
    row: ProjectHold = await write(_hold, hold, stack.now())
    await write(_await_openings)
    return row, await cancel_runs(stack.temporal, await write(_runs_to_cancel, stack.now()))


def _hold(connection: Connection, access: Access, hold: store.NewHold, now: datetime) -> ProjectHold:
    return store.hold_project(connection, access.project, hold, access.actor.words, now)


def _await_openings(connection: Connection, access: Access) -> None:
    store.await_openings(connection, access.project)


def _runs_to_cancel(connection: Connection, access: Access, now: datetime) -> list[Run]:
    return store.runs_to_cancel(connection, now, access.project)


def release(connection: Connection, access: Access, now: datetime) -> None:
    """Let the project's ticks run again."""
    store.release_project(connection, access.project, now)


def current(connection: Connection, access: Access, now: datetime) -> ProjectHold | None:
    """The hold that the project is on."""
    return store.hold_in_force(connection, access.project, now)
