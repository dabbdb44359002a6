"""The tables of gates: what was read there lately, and the value that a run was last successful with."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from heartbeat.store.tables import heartbeats  # noqa: F401 - rows here refer to rows there
from heartbeat.store.tables.types import BIG, time


class GateState(SQLModel, table=True):
    """What a heartbeat's gate is compared with: the accepted value, of `source`, as the reading `reading_id` had it.

    `digest` is of the whole text, `text` its beginning. `failing_since` is when the source began to fail, which was
    told then. Written with the heartbeat's row locked.
    """

    __tablename__ = "gate_state"

    heartbeat_id: int = Field(primary_key=True, foreign_key="heartbeat.id")
    source: str | None = None
    reading_id: int | None = Field(default=None, sa_type=BIG)
    digest: str | None = None
    text: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    accepted_at: datetime | None = time(default=None)
    failing_since: datetime | None = time(default=None)


class GateReading(SQLModel, table=True):
    """One look at a gate: `outcome` is first, unchanged, changed or failed, `detail` why it failed.

    `text` is the beginning of a value that is news, until it is accepted. The newest of each heartbeat are kept.
    """

    __tablename__ = "gate_reading"

    id: int = Field(default=None, primary_key=True, sa_type=BIG)
    heartbeat_id: int = Field(foreign_key="heartbeat.id")
    source: str
    outcome: str
    detail: str | None = None
    digest: str | None = None
    text: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    created_at: datetime = time()

    __table_args__ = (Index("ix_gate_reading", "heartbeat_id", "id"),)
