"""Look up one run."""

from sqlalchemy import Connection, bindparam, select

from heartbeat.errors import NotFound
from heartbeat.store.database import columns, one
from heartbeat.store.records import Run

RUN = columns(Run)
BY_UUID = select(RUN).where(RUN.c.uuid == bindparam("key"))


def run_by_uuid(connection: Connection, uuid: str) -> Run:
    """The run with this log id; raises `NotFound`."""
    run = one(connection, Run, BY_UUID, {"key": uuid})
    if run is None:
        raise NotFound("run", uuid)
    return run
