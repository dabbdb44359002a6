"""Tokens to credits, and the billing period an instant falls in. Pure; money is integers."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from math import ceil

from heartbeat.domain.model_names import every_model, model_key

# Tokens that providers put around a message, a tool or a result, at the most.
FRAME = 64


def cost(tokens: int, rate: int) -> int:
    """Credits for `tokens` at `rate` credits for each started 1,000 tokens: 1,250 tokens at 1 are 2 credits."""
    return ceil(tokens / 1000) * rate


def most_tokens(*texts: str) -> int:
    """No fewer tokens than any model reads in `texts`: a token is at least a byte, and each part has its frame."""
    return sum(len(text.encode()) + FRAME for text in texts)


def rate_for(model: str, default: int, rates: Mapping[str, int]) -> int:
    """The rate of `provider:name`: its own, else its provider's (`provider:*`), else the default.

    `rates` are by `model_key`.
    """
    return rates.get(model_key(model), rates.get(every_model(model), default))


def period(now: datetime, anchor_day: int = 1) -> tuple[datetime, datetime]:
    """Start (inclusive) and end (exclusive) in UTC of the billing period that holds `now`.

    A period begins on `anchor_day` (1 to 31) of each month at 00:00 UTC, in a shorter month on its last day.
    """
    return _period_of(now.astimezone(UTC).date(), anchor_day)


def long_period_end(start: datetime, anchor_day: int, now: datetime) -> datetime:
    """End of the period that began at `start` and is under way when periods begin to turn on another `anchor_day`.

    It goes on until the first such day that is a month or more after its start, and after `now`: no period is shorter
    than a month, so that no change of the day gives a project more credits than its plan has for that time.
    """
    earliest = max(_anchor(*_shift(start.year, start.month, 1), start.day), now)
    begins, ends = period(earliest, anchor_day)
    return begins if begins == earliest else ends


@lru_cache(maxsize=256)
def _period_of(day: date, anchor_day: int) -> tuple[datetime, datetime]:
    start = _anchor(day.year, day.month, anchor_day)
    if day < start.date():
        return _anchor(*_shift(day.year, day.month, -1), anchor_day), start
    return start, _anchor(*_shift(day.year, day.month, 1), anchor_day)


def _anchor(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, min(day, monthrange(year, month)[1]), tzinfo=UTC)


def _shift(year: int, month: int, by: int) -> tuple[int, int]:
    index = year * 12 + month - 1 + by
    return index // 12, index % 12 + 1
