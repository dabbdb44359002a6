"""The tables of projects: their keys, and what their requests leave.

Rows are written by Core statements over these classes; `table=True` classes validate nothing.
"""

from datetime import datetime

from sqlalchemy import JSON, Index, text
from sqlmodel import Field, SQLModel

from heartbeat.domain import credits
from heartbeat.store.tables.types import time


class Project(SQLModel, table=True):
    """An owner of bots; what it may do is its plan (settings).

    Its billing periods begin on `period_anchor_day`. When that was changed, the period that was under way went on from
    `long_period_start` until `long_period_end`, which is the first new one. `credit_budget` is what it may use in one
    of its own will, whatever its plan allows for.
    """

    id: int = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    name: str
    plan: str = "self_hosted"
    period_anchor_day: int = 1
    credit_budget: int | None = None
    long_period_start: datetime | None = time(default=None)
    long_period_end: datetime | None = time(default=None)
    created_at: datetime = time()

    def period(self, now: datetime) -> tuple[datetime, datetime]:
        """Start (inclusive) and end (exclusive) in UTC of the project's billing period that holds `now`."""
        if self.long_period_start and self.long_period_end and now < self.long_period_end:
            return self.long_period_start, self.long_period_end
        return credits.period(now, self.period_anchor_day)


class ProjectHold(SQLModel, table=True):
    """A time during which nothing of a project starts: from `created_at` to `until`, or to `released_at` before that.

    What was `running` when it began may finish, or is cancelled. A project has at most one that is not released.
    """

    __tablename__ = "project_hold"
    id: int = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="project.id")
    reason: str
    until: datetime | None = time(default=None)
    running: str
    held_by: str
    created_at: datetime = time()
    released_at: datetime | None = time(default=None)

    __table_args__ = (
        Index("ix_project_hold", "project_id", "id"),
        Index(
            "uq_project_hold",
            "project_id",
            unique=True,
            sqlite_where=text("released_at IS NULL"),
            postgresql_where=text("released_at IS NULL"),
        ),
    )


class ApiKey(SQLModel, table=True):
    """A key is kept as a hash alone (`heartbeat/secrets/key_hashes.py`); `prefix` lets people tell their keys apart.

    `scopes` are what it may do, by spaces; `bot_ids` the bots that it is for, if it is not for all of them. At
    `replaced_at` another was made in its place, and it expires a while after that. `last_used_at` is right to the hour,
    and `last_used_from` the address of then. `requests_per_minute` is a limit of its own below that of the plan.
    """

    __tablename__ = "api_key"
    id: int = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    project_id: int = Field(foreign_key="project.id", index=True)
    name: str
    prefix: str
    hash: str = Field(unique=True)
    scopes: str = Field(default="admin", sa_column_kwargs={"server_default": "admin"})
    bot_ids: list[int] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    created_at: datetime = time()
    expires_at: datetime | None = time(default=None)
    replaced_at: datetime | None = time(default=None)
    revoked_at: datetime | None = time(default=None)
    last_used_at: datetime | None = time(default=None)
    last_used_from: str | None = None
    requests_per_minute: int | None = None


class DashboardSession(SQLModel, table=True):
    """Somebody who signed in, as the SHA-256 of a token that their browser alone has.

    It was begun with a key, and opens that key's project, or by a person, and opens the project that they chose last.
    `last_used_at` is right to the hour. It is over at `expires_at`, which each use moves on, at most to `ends_at`.
    `browser` is what the browser calls itself.
    """

    __tablename__ = "dashboard_session"
    id: int = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    key_id: int | None = Field(default=None, foreign_key="api_key.id", index=True)
    user_id: int | None = Field(default=None, foreign_key="user.id", index=True)
    project_id: int | None = Field(default=None, foreign_key="project.id", index=True)
    hash: str = Field(unique=True)
    address: str
    browser: str
    created_at: datetime = time()
    last_used_at: datetime = time()
    expires_at: datetime = time()
    ends_at: datetime = time()


class SignInLink(SQLModel, table=True):
    """A link that was not used yet, as its SHA-256, and the key whose session it begins."""

    __tablename__ = "sign_in_link"
    hash: str = Field(primary_key=True)
    key_id: int = Field(foreign_key="api_key.id")
    expires_at: datetime = time()


class IdempotencyKey(SQLModel, table=True):
    """The first answer to a POST that carried an `Idempotency-Key`; `answer` is empty while it is being made.

    Meanwhile `status` is empty, or 102 once what was asked for is done.

    Of a form that makes a heartbeat or a task, `answer` is the public id of that, and `key` says what it asked for.

    `created_at` is when the key was first used, `claimed_at` when somebody last began or went on to make its answer.
    """

    __tablename__ = "idempotency_key"
    project_id: int = Field(foreign_key="project.id", primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    status: int | None = None
    answer: str | None = None
    claimed_at: datetime = time()
    created_at: datetime = time(index=True)


class RequestWindow(SQLModel, table=True):
    """Requests of a project in one minute, and the costly reads among them, counted for plans that limit them."""

    __tablename__ = "request_window"
    project_id: int = Field(foreign_key="project.id", primary_key=True)
    minute: int = Field(primary_key=True)
    requests: int = 0
    costly: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class KeyWindow(SQLModel, table=True):
    """Requests with one key in the minute that began at `began_at`, counted for keys that have a limit."""

    __tablename__ = "key_window"
    key_id: int = Field(foreign_key="api_key.id", primary_key=True)
    began_at: datetime = time(primary_key=True, index=True)
    requests: int = 0


class AuthFailure(SQLModel, table=True):
    """What somebody failed to get in with lately; `source` is where from (`address 203.0.113.7`), or whose name it was.

    All of it is forgiven at `clears_at`; `until` then nothing from there is looked at.
    """

    __tablename__ = "auth_failure"
    source: str = Field(primary_key=True)
    clears_at: datetime = time(index=True)
    until: datetime = time()
