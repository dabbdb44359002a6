"""How long runs take: what a histogram says is true to the error that it names."""

from collections import Counter
from math import ceil
from random import Random

import pytest

from heartbeat.domain.durations import ERROR, bucket, quantile

LENGTHS = {
    "a few seconds": lambda random: random.lognormvariate(8, 1),
    "waits for a person": lambda random: random.lognormvariate(16, 2),
    "all alike": lambda random: 900,
    "two kinds": lambda random: random.choice((300, 90_000)),
}


@pytest.mark.parametrize("share", [0.5, 0.95, 1])
@pytest.mark.parametrize("length", LENGTHS)
def test_a_quantile_is_true_to_the_error(length: str, share: float) -> None:
    random = Random(7)
    for count in (1, 2, 19, 1_000):
        durations = sorted(int(LENGTHS[length](random)) + 10 for _ in range(count))
        exact = durations[ceil(share * count) - 1]
        measured = quantile(Counter(map(bucket, durations)), share)
        assert measured is not None
        # A millisecond for rounding.
        assert abs(measured - exact) <= ERROR * exact + 1


def test_without_runs_there_is_none() -> None:
    assert quantile({}, 0.5) is None


def test_every_duration_has_a_bucket_and_longer_ones_have_later_ones() -> None:
    numbers = [bucket(milliseconds) for milliseconds in (-5, 0, 1, 2, 10, 1_000, 60_000, 86_400_000 * 365)]
    assert numbers == sorted(numbers)
    assert numbers[:3] == [0, 0, 0]
    assert numbers[-1] < 140
