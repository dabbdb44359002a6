"""The result of a measurement: goals that are met or not, and the raw figures behind them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Goal:
    """`goal` reads "at least 0.75" or "at most 50"."""

    name: str
    measured: float
    goal: str
    met: bool


@dataclass
class Result:
    """The goals of one measurement and its raw figures."""

    goals: list[Goal] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)

    def at_least(self, name: str, measured: float, goal: float) -> None:
        """Add a goal that is met by `goal` or more."""
        self.goals.append(Goal(name, rounded(measured), f"at least {goal:g}", measured >= goal))

    def at_most(self, name: str, measured: float, goal: float) -> None:
        """Add a goal that is met by `goal` or less."""
        self.goals.append(Goal(name, rounded(measured), f"at most {goal:g}", measured <= goal))


def rounded(number: float) -> float:
    """Round to three significant digits, or to a whole number from 100 on."""
    return round(number) if number >= 100 else float(f"{number:.3g}")


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the rounds' ratios: whatever slows the machine down slows both sides of a round."""
    return median(one / other for one, other in zip(ours, theirs, strict=True))
