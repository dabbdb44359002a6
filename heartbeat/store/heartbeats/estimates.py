"""What a bot's runs have cost and how long they took, for forecasts. Reads its newest hundred runs, by index."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from sqlalchemy import Connection, select

from heartbeat.store.database.rows import columns
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.runs import Run

RUN = columns(Run)

NEWEST = 100
EXECUTED = ("success", "error")


@dataclass(frozen=True)
class PastRun:
    """What a run came to, and the model that it was opened with."""

    credits: int
    duration_ms: int
    model: str


@dataclass(frozen=True)
class ModelRates:
    """What models charge: `rate` is a model's credits for each started 1,000 tokens.

    `models` are those that may answer, by the one that is named, those that stand in for it, and the chat mode.
    """

    models: Callable[[str | None, Sequence[str], str], list[str]]
    rate: Callable[[str], int]

    def dearest(self, models: Sequence[str]) -> str:
        """The one with the highest rate, of equals the first."""
        return max(models, key=self.rate)

    def at_rate_of(self, model: str, runs: Sequence[PastRun]) -> list[float]:
        """What each of these runs would have cost at the rate of `model`."""
        rate = self.rate(model)
        return [run.credits * rate / self.rate(run.model) for run in runs if self.rate(run.model)]


def newest_runs(connection: Connection, bot: Bot, heartbeat_id: int | None = None) -> list[PastRun]:
    """The newest runs that executed, of one heartbeat or of the bot's all."""
    which = RUN.c.heartbeat_id == heartbeat_id if heartbeat_id is not None else RUN.c.bot_id == bot.id
    runs: list[PastRun] = []
    for status in EXECUTED:
        newest = select(RUN.c.credits_charged, RUN.c.duration_ms, RUN.c.model).where(which, RUN.c.status == status)
        newest = newest.where(RUN.c.dry_run.is_(False))
        runs += [PastRun(*row) for row in connection.execute(newest.order_by(RUN.c.id.desc()).limit(NEWEST))]
    return runs


def median_credits(costs: Sequence[float]) -> float | None:
    """The median of what runs cost; `None` when there are none."""
    return float(median(costs)) if costs else None


def slow_ms(runs: Sequence[PastRun]) -> int | None:
    """The 95th percentile of the durations, in milliseconds; `None` with fewer than two runs."""
    return round(quantiles((run.duration_ms for run in runs), n=20)[-1]) if len(runs) > 1 else None
