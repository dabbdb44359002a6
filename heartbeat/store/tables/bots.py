"""The tables of bots, their audience, their tools and what they remember."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, text
from sqlmodel import Field, SQLModel

from heartbeat.store.tables import projects  # noqa: F401 - rows here refer to rows there
from heartbeat.store.tables.types import BIG, LONG_AGO, time

# A row that is about a member; where a column is named `text`, that is no function.
OF_MEMBER = text("member_id IS NOT NULL")


class Bot(SQLModel, table=True):
    """An agent. `attributes` keeps the published fields that mean nothing here: clients read back what they wrote.

    `credit_budget` is what all of its heartbeats and tasks may use together in a billing period; `period_granted` is
    what a person gave on top of it in the period that began at `period_start`. At `pruned_at` it was last looked for
    what need not be kept any longer; its runs up to `emptied_run_id` have no texts any more.
    """

    id: int = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    project_id: int = Field(foreign_key="project.id")
    name: str
    model: str | None = None
    instruction: str = ""
    status: bool = True
    heartbeat: bool = False
    max_reply_tokens: int | None = None
    credit_budget: int | None = None
    period_start: datetime | None = time(default=None)
    period_granted: int = 0
    pruned_at: datetime = time(default=LONG_AGO)
    emptied_run_id: int = Field(default=0, sa_type=BIG)
    attributes: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = time()
    updated_at: datetime = time()
    deleted_at: datetime | None = time(default=None)

    __table_args__ = (
        Index("ix_bot_project", "project_id", "deleted_at", "id"),
        Index("ix_bot_pruned", "pruned_at", "id"),
    )


class Subscriber(SQLModel, table=True):
    """A member of a bot's audience; heartbeats may belong to one."""

    id: int = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    bot_id: int = Field(foreign_key="bot.id")
    email: str | None = None
    name: str | None = None
    subscribed_at: datetime = time()
    deleted_at: datetime | None = time(default=None)

    __table_args__ = (Index("ix_subscriber_bot", "bot_id", "deleted_at", "id"),)


class Tool(SQLModel, table=True):
    """A connected MCP server. `tools` are its definitions as they were pinned, each with what it is now if it changed.

    `changed_count` is how many of them changed. `sealed_headers` and `sealed_url` can be opened with the installation's
    secret keys alone; `header_names` and `server_url`, which then is without its query, may be shown. `per_member`:
    each subscriber signs in to it, and a run uses what its own granted. Of a call, `timeout_seconds` and `result_bytes`
    go before those of the installation. `elicitation`: what it asks in the middle of a call is declined, or becomes an
    approval.
    """

    id: int = Field(default=None, primary_key=True)
    uuid: str = Field(unique=True)
    bot_id: int = Field(foreign_key="bot.id")
    server_label: str
    server_url: str
    transport: str
    require_approval: str = "never"
    approval_tools: list[str] = Field(default_factory=list, sa_type=JSON)
    risks: list[str] = Field(default_factory=list, sa_type=JSON)
    sealed_url: str | None = None
    sealed_headers: str | None = None
    header_names: list[str] = Field(default_factory=list, sa_type=JSON)
    is_enabled: bool = True
    per_member: bool = False
    timeout_seconds: int | None = None
    result_bytes: int | None = None
    elicitation: str = "decline"
    tools: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    changed_count: int = 0
    last_error: str | None = None
    refreshed_at: datetime | None = time(default=None)
    created_at: datetime = time()
    updated_at: datetime = time()

    __table_args__ = (
        Index("uq_tool_label", "bot_id", "server_label", unique=True),
        Index("ix_tool_bot", "bot_id", "id"),
    )


class Memory(SQLModel, table=True):
    """Something an agent was told to remember, of one bot and, if it was about one, its member. Found by its `words`.

    Their full-text index is made by raw SQL in its migration: a table of its own on SQLite, `memory_words`.
    """

    id: int = Field(default=None, primary_key=True, sa_type=BIG)
    uuid: str = Field(unique=True)
    bot_id: int = Field(foreign_key="bot.id")
    member_id: int | None = Field(default=None, foreign_key="subscriber.id")
    text: str
    words: str
    run_id: int | None = Field(default=None, sa_type=BIG)
    created_at: datetime = time()
    updated_at: datetime = time()

    __table_args__ = (
        Index("ix_memory_bot", "bot_id", "member_id", "id"),
        Index(
            "ix_memory_member",
            "member_id",
            sqlite_where=OF_MEMBER,
            postgresql_where=OF_MEMBER,
        ),
    )
