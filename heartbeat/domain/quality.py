"""Whether the last runs of a heartbeat were good less often than those before them. Pure.

The last ten are compared with up to thirty before them by Fisher's exact test, one-sided: if all of them were drawn
from one bag, how often would the last ten hold as few good ones, or fewer? Nothing is assumed of how good runs are,
and with few runs before, it takes more bad ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import NamedTuple

RECENT, BEFORE = 10, 30
COMPARED = RECENT + BEFORE
# With fewer before them, ten runs are compared with nothing.
MIN_BEFORE = 10
# Runs that are as good as ever come below this about once in 1,000, though each new one is a comparison.
SIGNIFICANT = 0.01


class JudgedRun(NamedTuple):
    """The id of a run, and whether it was good."""

    id: int
    is_good: bool


@dataclass(frozen=True)
class Share:
    """How many of so many runs were good."""

    good: int
    of: int

    def is_below(self, share: "Share") -> bool:
        return self.good * share.of < share.good * self.of


@dataclass(frozen=True)
class Comparison:
    """The last runs, and those before them."""

    recent: Share
    before: Share

    @property
    def chance(self) -> float:
        """Return how often chance alone would leave as few good runs among the recent ones, or fewer: from 0 to 1."""
        runs, good = self.recent.of + self.before.of, self.recent.good + self.before.good
        draws = (
            comb(good, number) * comb(runs - good, self.recent.of - number) for number in range(self.recent.good + 1)
        )
        return sum(draws) / comb(runs, self.recent.of)

    @property
    def has_dropped(self) -> bool:
        return self.chance < SIGNIFICANT


def compare(newest_first: Sequence[JudgedRun]) -> Comparison | None:
    """Compare the last ten runs with up to thirty before them; `None` while there are too few."""
    comparison = Comparison(_share(newest_first[:RECENT]), _share(newest_first[RECENT:COMPARED]))
    return comparison if comparison.before.of >= MIN_BEFORE else None


def has_recovered(newest_first: Sequence[JudgedRun], dropped_run_id: int) -> bool:
    """Tell whether the last ten are as good again as those were that they fell below, when this was the last run.

    What it has been like for forty runs is how it is now, and what comes is compared with that.
    """
    since = sum(run.id > dropped_run_id for run in newest_first)
    before = _share(newest_first[since + RECENT : since + COMPARED])
    return since >= COMPARED or not _share(newest_first[:RECENT]).is_below(before)


def _share(runs: Sequence[JudgedRun]) -> Share:
    return Share(sum(run.is_good for run in runs), len(runs))
