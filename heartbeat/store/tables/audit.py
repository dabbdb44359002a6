"""The tables of the audit log: who changed what, as a chain of hashes for each project."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field, SQLModel

from heartbeat.store.tables.types import BIG, time


class AuditHead(SQLModel, table=True):
    """The end of a project's chain: the number and the hash of its last entry.

    The chain begins after entry `first_number`, whose hash was `first_hash`: what came before is not kept any more.
    """

    __tablename__ = "audit_head"
    project_id: int = Field(foreign_key="project.id", primary_key=True)
    number: int = Field(default=0, sa_type=BIG)
    hash: str = ""
    first_number: int = Field(default=0, sa_type=BIG)
    first_hash: str = ""


class AuditEntry(SQLModel, table=True):
    """One change, and the SHA-256 of it and of the entry before; nothing ever updates one.

    `changes` has for each field what it was and what it is, or that a secret was changed. `actor_email` and
    `user_agent` are null in entries that a version without them wrote.
    """

    __tablename__ = "audit_entry"
    # Not of `project`, whose rows others lock before they come to the head.
    project_id: int = Field(foreign_key="audit_head.project_id", primary_key=True)
    number: int = Field(sa_type=BIG, primary_key=True)
    at: datetime = time()
    actor_kind: str
    actor_id: str
    actor_name: str
    actor_email: str | None = None
    address: str
    user_agent: str | None = None
    action: str
    object_type: str
    object_id: str
    object_name: str
    changes: dict[str, Any] = Field(sa_type=JSON)
    hash: str

    __table_args__ = (Index("ix_audit_entry_object", "project_id", "object_id", "number"),)
