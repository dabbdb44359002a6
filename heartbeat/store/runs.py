"""Look up one run."""

from sqlalchemy import Connection, select

from heartbeat.errors import NotFound
from heartbeat.store.database import columns, one
from heartbeat.store.tables import Run

RUN = columns(Run)


def run_by_uuid(connection: Connection, uuid: str) -> Run:
    """The run with this log id; raises `NotFound`."""
    run = one(connection, Run, select(RUN).where(RUN.c.uuid == uuid))
    if run is None:
        raise NotFound("run", uuid)
    return run
