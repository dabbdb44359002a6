"""The tables of credits: the ledger, and the sums kept beside it."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from heartbeat.store.tables import runs  # noqa: F401 - rows here refer to rows there
from heartbeat.store.tables.types import BIG, time

# The kind of an entry that others of its period were folded into.
CLOSING = "closing"


class Entry(SQLModel, table=True):
    """One line of the credit ledger: append-only, unique (run, step, kind), or by its `key` where there is no run.

    Every balance is the sum of one column: `credits` were charged, `held` are reserved (given back by a negative
    number), `granted` may be used. `absorbed` is what a step used beyond its reservation, which nobody is charged.

    Long after their period the entries of runs become one of the kind closing, of their heartbeat or project. Runs that
    are not kept any longer leave their number.
    """

    id: int = Field(default=None, primary_key=True, sa_type=BIG)
    project_id: int = Field(foreign_key="project.id")
    heartbeat_id: int | None = Field(default=None, foreign_key="heartbeat.id")
    run_id: int | None = Field(default=None, sa_type=BIG)
    step: int | None = None
    kind: str
    key: str | None = None
    note: str | None = None
    credits: int = 0
    held: int = 0
    granted: int = 0
    absorbed: int = 0
    tokens: int = 0
    period_start: datetime = time()
    created_at: datetime = time()

    __table_args__ = (
        UniqueConstraint("run_id", "step", "kind", name="uq_entry"),
        UniqueConstraint("project_id", "key", name="uq_entry_key"),
        Index("ix_entry_heartbeat", "heartbeat_id", "period_start"),
        Index("ix_entry_project", "project_id", "period_start", "id"),
    )


class Usage(SQLModel, table=True):
    """A project's credits of one period: the running sums of its entries.

    `plan_credits` is what its plan had for a period at the last reservation; whoever charges a step does not know it.
    `granted` is the operator's, on top of the plan; `budget_granted` is what a person gave on top of the budget.
    `summed_credits` is what the days of its bots came to when its spenders were added up, at `summed_at`.
    """

    project_id: int = Field(foreign_key="project.id", primary_key=True)
    period_start: datetime = time(primary_key=True)
    credits: int = 0
    held: int = 0
    granted: int = 0
    budget_granted: int = 0
    plan_credits: int | None = None
    summed_at: datetime | None = time(default=None)
    summed_credits: int | None = Field(default=None, sa_type=BIG)


class PeriodSpender(SQLModel, table=True):
    """One of the heartbeats that used most in a period that is over: the sum of its days.

    It counts as long as the days of all come to the `summed_credits` of the period's `Usage`.
    """

    __tablename__ = "period_spender"
    project_id: int = Field(foreign_key="project.id", primary_key=True)
    period_start: datetime = time(primary_key=True)
    heartbeat_id: int = Field(foreign_key="heartbeat.id", primary_key=True)
    credits: int = Field(sa_type=BIG)

    __table_args__ = (
        Index("ix_period_spender_heartbeat", "heartbeat_id"),
        Index("ix_period_spender_start", "period_start"),
    )


class BudgetWarning(SQLModel, table=True):
    """A level (per cent) that a budget's credits have reached in a period, which is told once.

    `owner` is heartbeat, bot, project or plan, `owner_id` the number of its row, a project's for a plan. Another
    `budget` has levels of its own.
    """

    __tablename__ = "budget_warning"
    owner: str = Field(primary_key=True)
    owner_id: int = Field(primary_key=True)
    period_start: datetime = time(primary_key=True)
    budget: int = Field(primary_key=True)
    level: int = Field(primary_key=True)
    created_at: datetime = time()


class RunSums(SQLModel):
    """Logs by status, what they cost together, and how good they were.

    `unchanged` are those of the skipped whose gate had nothing new. `met` did what was expected of them and `unmet` did
    not; `liked` and `disliked` are what people said.
    """

    success: int = 0
    error: int = 0
    skipped: int = 0
    unchanged: int = 0
    cancelled: int = 0
    duration_ms: int = Field(default=0, sa_type=BIG)
    tokens: int = Field(default=0, sa_type=BIG)
    credits: int = 0
    cost_nano_usd: int = Field(default=0, sa_type=BIG)
    met: int = 0
    unmet: int = 0
    liked: int = 0
    disliked: int = 0

    @property
    def total(self) -> int:
        return self.success + self.error + self.skipped + self.cancelled

    @property
    def executed(self) -> int:
        """Runs that began."""
        return self.total - self.skipped

    @property
    def success_rate(self) -> float:
        """Per cent of all that were to run, with one decimal."""
        return round(100 * self.success / self.with_news, 1) if self.with_news else 0.0

    @property
    def with_news(self) -> int:
        """All but those whose gate had nothing new."""
        return self.total - self.unchanged

    @property
    def met_rate(self) -> float | None:
        """Per cent of those that were held to what is expected of them, with one decimal; `None` if none was."""
        return _rate(self.met, self.met + self.unmet)

    @property
    def liked_rate(self) -> float | None:
        """Per cent of those that were rated, with one decimal; `None` if none was."""
        return _rate(self.liked, self.liked + self.disliked)

    def add(self, row: "RunSums") -> None:
        for name in RunSums.model_fields:
            setattr(self, name, getattr(self, name) + getattr(row, name))


def _rate(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


class DailyRollup(RunSums, table=True):
    """What a bot's logs of one UTC day, type and model come to; `GET …/stats` reads this and never the logs.

    `durations` is a histogram, a JSON object: how many runs by the bucket (`heartbeat.domain.durations`) of their time.
    """

    __tablename__ = "daily_rollup"
    bot_id: int = Field(foreign_key="bot.id", primary_key=True)
    day: str = Field(primary_key=True)
    type: str = Field(primary_key=True)
    model: str = Field(default="", primary_key=True)
    durations: str = "{}"


class HeartbeatDay(RunSums, table=True):
    """What a heartbeat's logs of one UTC day come to, kept beside its bot's `DailyRollup`."""

    __tablename__ = "heartbeat_day"
    heartbeat_id: int = Field(foreign_key="heartbeat.id", primary_key=True)
    day: str = Field(primary_key=True)
    durations: str = "{}"
