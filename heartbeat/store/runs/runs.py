"""Look up runs: one by its id, or those of a heartbeat that are in progress."""

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, select, update

from heartbeat.domain.errors import NotFound
from heartbeat.store.database.rows import columns, first, many
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run

RUN = columns(Run)

BY_UUID = select(RUN).where(RUN.c.uuid == bindparam("key"))
IN_PROGRESS = select(RUN).where(RUN.c.heartbeat_id == bindparam("key"), RUN.c.status == "running").order_by(RUN.c.id)


def run_by_uuid(connection: Connection, uuid: str) -> Run:
    """The run with this log id; raises `NotFound`."""
    run = first(connection, Run, BY_UUID, {"key": uuid})
    if run is None:
        raise NotFound("run", uuid)
    return run


def run_of_project(connection: Connection, access: Access, uuid: str) -> Run:
    """The project's run with this log id; raises `NotFound`."""
    run = run_by_uuid(connection, as_public_id(uuid))
    if run.project_id != access.project.id:
        raise NotFound("run", uuid[:64])
    return run


def run_of_bot(connection: Connection, access: Access, uuid: str) -> Run:
    """The run with this log id of the bot that is named; raises `NotFound`."""
    bot = access.bot
    run = run_by_uuid(connection, as_public_id(uuid))
    if run.bot_id != bot.id:
        raise NotFound("run", uuid[:64])
    return run


def runs_of(connection: Connection, heartbeat: Heartbeat, uuids: list[str]) -> list[Run]:
    """Those of a heartbeat's runs that have these log ids, in the order they came."""
    known = select(RUN).where(RUN.c.uuid.in_([as_public_id(uuid) for uuid in uuids]))
    return many(connection, Run, known.where(RUN.c.heartbeat_id == heartbeat.id).order_by(RUN.c.id))


def runs_in_progress(connection: Connection, heartbeat: Heartbeat) -> list[Run]:
    """The runs of a heartbeat that have not ended, in the order they came."""
    return many(connection, Run, IN_PROGRESS, {"key": heartbeat.id})


def name_canceller(connection: Connection, access: Access, uuids: Collection[str]) -> None:
    """Write on runs in progress who asked to cancel them: first, for a run may end as soon as Temporal hears of it."""
    going = (RUN.c.uuid.in_(uuids)) & (RUN.c.project_id == access.project.id) & (RUN.c.status == "running")
    connection.execute(update(RUN).where(going).values(cancelled_by=access.actor.words))
