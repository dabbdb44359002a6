"""How long runs take, as a histogram: from its counts, quantiles are read without looking at a single run.

Each bucket ends 1.2 times later than the one before it, so a quantile is true to 10 per cent.
"""

from collections.abc import Mapping
from math import ceil, log, sqrt

GROWTH = 1.2
# What a quantile can be off by: it is told as the middle of its bucket.
ERROR = sqrt(GROWTH) - 1

Histogram = Mapping[int, int]


def bucket(milliseconds: int) -> int:
    """Return the number of the bucket that a duration falls into; below two milliseconds it is 0."""
    return int(log(max(1, milliseconds)) / log(GROWTH))


def quantile(histogram: Histogram, share: float) -> int | None:
    """Return the milliseconds that this share of the durations did not exceed; `None` when there are none."""
    rank, seen = max(1, ceil(share * sum(histogram.values()))), 0
    for number in sorted(histogram):
        seen += histogram[number]
        if seen >= rank:
            middle: float = GROWTH ** (number + 0.5)
            return round(middle)
    return None
