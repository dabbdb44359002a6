"""The tables of what people are told: what happened, where to, what was found, and each message with its delivery."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from heartbeat.store.tables import runs  # noqa: F401 - rows here refer to rows there
from heartbeat.store.tables.types import BIG, time


class Event(SQLModel, table=True):
    """Something a person may want to hear of, written in the transaction that caused it: nothing tells of it twice."""

    id: int = Field(default=None, primary_key=True, sa_type=BIG)
    uuid: str = Field(unique=True)
    project_id: int = Field(foreign_key="project.id")
    bot_id: int = Field(foreign_key="bot.id")
    heartbeat_id: int = Field(foreign_key="heartbeat.id")
    run_id: int | None = Field(default=None, foreign_key="run.id", sa_type=BIG)
    kind: str
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = time()

    __table_args__ = (
        Index("ix_event_project", "project_id", "id"),
        Index("ix_event_kind", "bot_id", "kind", "id"),
        Index("ix_event_heartbeat", "heartbeat_id", "id"),
        Index(
            "ix_event_run",
            "run_id",
            sqlite_where=text("run_id IS NOT NULL"),
            postgresql_where=text("run_id IS NOT NULL"),
        ),
    )


class Target(SQLModel, table=True):
    """Where messages go: of a whole project, of a bot, or of one heartbeat. `events` null is every kind.

    One of a member is told by `notify_user` alone, in place of the owner's.

    `sealed_config` holds what is secret of its address, `config` what may be shown. After a message it is left alone
    for `cooldown_seconds`: what comes meanwhile is told in one summary, at `quiet_until`.
    """

    id: int = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    project_id: int = Field(foreign_key="project.id")
    bot_id: int | None = Field(default=None, foreign_key="bot.id")
    heartbeat_id: int | None = Field(default=None, foreign_key="heartbeat.id")
    member_id: int | None = Field(default=None, foreign_key="subscriber.id")
    channel: str
    name: str
    config: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    sealed_config: str | None = None
    events: list[str] | None = Field(default=None, sa_type=JSON)
    cooldown_seconds: int = 0
    quiet_until: datetime | None = time(default=None)
    is_enabled: bool = True
    disabled_reason: str | None = None
    created_at: datetime = time()
    updated_at: datetime = time()
    deleted_at: datetime | None = time(default=None)

    __table_args__ = (
        Index("ix_target_project", "project_id", "id"),
        Index("ix_target_bot", "bot_id", "id"),
        Index(
            "ix_target_heartbeat",
            "heartbeat_id",
            sqlite_where=text("heartbeat_id IS NOT NULL"),
            postgresql_where=text("heartbeat_id IS NOT NULL"),
        ),
        Index(
            "ix_target_member",
            "member_id",
            sqlite_where=text("member_id IS NOT NULL"),
            postgresql_where=text("member_id IS NOT NULL"),
        ),
    )


class Finding(SQLModel, table=True):
    """One matter that a heartbeat's runs report, known by its fingerprint; told when it is new, worse or back.

    `fingerprint_key` is what of the fingerprint counts, `told_severity` the severity that people were told last. Both
    may be null in rows of a worker of before. `marked_by` is who acknowledged, snoozed or resolved it, in words; a
    worker of before leaves it when the finding is open again.
    """

    id: int = Field(default=None, primary_key=True, sa_type=BIG)
    uuid: str = Field(unique=True)
    bot_id: int = Field(foreign_key="bot.id")
    heartbeat_id: int = Field(foreign_key="heartbeat.id")
    fingerprint: str
    fingerprint_key: str | None = None
    title: str
    severity: str
    told_severity: str | None = None
    detail: str | None = None
    state: str = "open"
    marked_by: str | None = None
    snoozed_until: datetime | None = time(default=None)
    times_seen: int = 1
    first_seen_at: datetime = time()
    last_seen_at: datetime = time()
    told_at: datetime | None = time(default=None)
    resolved_at: datetime | None = time(default=None)

    __table_args__ = (
        UniqueConstraint("heartbeat_id", "fingerprint", name="uq_finding"),
        Index("ix_finding_bot", "bot_id", "state", "id"),
        Index("ix_finding_key", "heartbeat_id", "fingerprint_key"),
        Index(
            "ix_finding_open",
            "bot_id",
            "severity",
            "last_seen_at",
            "id",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index(
            "ix_finding_past",
            "bot_id",
            "last_seen_at",
            "id",
            sqlite_where=text("state <> 'open'"),
            postgresql_where=text("state <> 'open'"),
        ),
    )


class Notification(SQLModel, table=True):
    """One event for one target: the outbox. `status` is pending, delivered, failed or held (for a summary).

    `kind` is the event's; null is what a worker of the version before wrote, until Upkeep fills it in.

    `uuid` is the message's id at every attempt, so that a receiver can tell a repetition. Those with a `summary_id`
    are told by that one and share its fate. `next_attempt_at` is null for what needs no delivery of its own (any
    more); `begun_at` is set while an attempt has no outcome. Of `lost_attempts` nobody knows whether they arrived:
    their workers died over them, or their receivers had the message and did not answer.
    """

    id: int = Field(default=None, primary_key=True, sa_type=BIG)
    uuid: str = Field(unique=True)
    project_id: int = Field(foreign_key="project.id")
    bot_id: int = Field(foreign_key="bot.id")
    target_id: int = Field(foreign_key="target.id")
    event_id: int = Field(foreign_key="event.id", sa_type=BIG)
    kind: str | None = None
    summary_id: int | None = Field(default=None, sa_type=BIG)
    status: str = "pending"
    attempts: int = 0
    lost_attempts: int = 0
    last_error: str | None = None
    next_attempt_at: datetime | None = time(default=None)
    begun_at: datetime | None = time(default=None)
    created_at: datetime = time()
    delivered_at: datetime | None = time(default=None)

    __table_args__ = (
        UniqueConstraint("event_id", "target_id", name="uq_notification"),
        Index("ix_notification_bot", "bot_id", "id"),
        Index("ix_notification_bot_kind", "bot_id", "kind", "id"),
        Index("ix_notification_status", "bot_id", "status", "id"),
        Index("ix_notification_project", "project_id", "id"),
        Index("ix_notification_project_kind", "project_id", "kind", "id"),
        Index("ix_notification_project_status", "project_id", "status", "id"),
        Index("ix_notification_target", "target_id", "id"),
        Index("ix_notification_target_bot", "target_id", "bot_id", "id"),
        Index(
            "ix_notification_due",
            "next_attempt_at",
            sqlite_where=text("next_attempt_at IS NOT NULL"),
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
        Index(
            "ix_notification_waiting",
            "target_id",
            "id",
            sqlite_where=text("next_attempt_at IS NOT NULL"),
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
        Index("ix_notification_summary", "summary_id"),
        Index(
            "ix_notification_without_kind",
            "id",
            sqlite_where=text("kind IS NULL"),
            postgresql_where=text("kind IS NULL"),
        ),
    )


class RemovedMessages(SQLModel, table=True):
    """How many messages of a project are not kept any longer: a trigger counts them, whoever removes them."""

    __tablename__ = "removed_messages"

    project_id: int = Field(primary_key=True, foreign_key="project.id")
    count: int = Field(sa_type=BIG)


class ModelOutage(SQLModel, table=True):
    """A model that is down for a project's runs, which others answer meanwhile. `targets` are those that were told."""

    __tablename__ = "model_outage"

    id: int = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="project.id")
    model: str
    reason: str
    targets: list[int] = Field(default_factory=list, sa_type=JSON)
    began_at: datetime = time()
    seen_at: datetime = time()

    __table_args__ = (UniqueConstraint("project_id", "model", name="uq_model_outage"),)
