"""Budgets and what becomes of them: how much is used, when that is worth a word, when the rest will be gone. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Literal

BudgetOwner = Literal["run", "heartbeat", "bot", "project", "plan"]

# Per cent of a budget at which a person is told.
USED_UP = 100
LEVELS = (50, 80, USED_UP)
# A run that costs more than so many times what a heartbeat's runs cost is told of, once so many of them are known.
COSTLY = 3
MIN_KNOWN = 5
MAX_KNOWN = 20


@dataclass(frozen=True)
class BudgetUse:
    """A budget, and how far a charge took the credits that are used of it: from `before` to `used`."""

    owner: BudgetOwner
    owner_id: int
    budget: int
    before: int
    used: int

    @property
    def level(self) -> int | None:
        """The highest of `LEVELS` that the charge reached; `None` if it reached none."""
        reached = [level for level in LEVELS if self.before * 100 < level * self.budget <= self.used * 100]
        return max(reached, default=None)


def spent_on(use: BudgetUse, start: datetime, end: datetime, now: datetime) -> datetime | None:
    """When the budget of a period is spent if as much is used a day as up to now; `None` if it lasts until its end."""
    if use.used >= use.budget:
        return now
    spent = start + (now - start) * use.budget / use.used
    return spent if spent < end else None


def with_newest(recent: Sequence[int], newest: int) -> list[int]:
    """What a heartbeat's last runs cost, oldest first, and one more. One that cost nothing is none of them."""
    return [*recent, newest][-MAX_KNOWN:] if newest else list(recent)


def usual_credits(recent: Sequence[int], newest: int) -> float | None:
    """What the `recent` runs cost at the median, if the newest cost so much more that it is costly; else `None`."""
    if len(recent) < MIN_KNOWN:
        return None
    usual = median(recent)
    return usual if newest > COSTLY * usual else None
