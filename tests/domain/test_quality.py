"""Whether the last runs were good less often than those before: Fisher's exact test, one-sided."""

from fractions import Fraction
from itertools import combinations

import pytest

from heartbeat.domain.quality import Comparison, JudgedRun, Share, compare, has_recovered


def judged(*newest_first: bool) -> list[JudgedRun]:
    return [JudgedRun(100 - number, is_good) for number, is_good in enumerate(newest_first)]


def runs(recent: int, before: int, of: int = 30) -> list[JudgedRun]:
    """Ten runs, newest first, so many of them good, and `of` before them."""
    return judged(*[True] * recent, *[False] * (10 - recent), *[True] * before, *[False] * (of - before))


@pytest.mark.parametrize(
    ("recent", "before", "of", "chance"),
    [
        # As SciPy has it: fisher_exact([[recent, 10 - recent], [before, of - before]], alternative="less").
        (10, 30, 30, 1.0),
        (8, 30, 30, 0.05769),
        (7, 30, 30, 0.01215),
        (6, 30, 30, 0.002298),
        (6, 29, 30, 0.009957),
        (5, 29, 30, 0.002024),
        (5, 27, 30, 0.01454),
        (4, 27, 30, 0.003314),
        (0, 5, 30, 0.2166),
        (0, 0, 30, 1.0),
        (5, 10, 10, 0.01625),
        (4, 10, 10, 0.005418),
    ],
)
def test_the_chance_of_so_few_good_runs(recent: int, before: int, of: int, chance: float) -> None:
    comparison = compare(runs(recent, before, of))
    assert comparison is not None
    assert comparison.chance == pytest.approx(chance, rel=1e-3)
    assert comparison.has_dropped == (chance < 0.01)


@pytest.mark.parametrize("good", range(7))
def test_the_chance_is_that_of_every_draw(good: int) -> None:
    """Three recent runs of six, drawn in all twenty ways."""
    draws = [sum(run < good for run in draw) for draw in combinations(range(6), 3)]
    for recent in set(draws):
        share = Fraction(sum(number <= recent for number in draws), len(draws))
        comparison = Comparison(Share(recent, 3), Share(good - recent, 3))
        assert comparison.chance == pytest.approx(float(share))


def test_few_runs_are_compared_with_nothing() -> None:
    assert compare(runs(0, 9, of=9)) is None
    assert compare(runs(0, 10, of=10)) == Comparison(Share(0, 10), Share(10, 10))


def test_no_more_than_forty_are_compared() -> None:
    assert compare([*runs(6, 30), *judged(*[False] * 100)]) == Comparison(Share(6, 10), Share(30, 30))


def test_a_share_is_below_another() -> None:
    assert Share(9, 10).is_below(Share(30, 30))
    assert not Share(9, 10).is_below(Share(27, 30))
    assert not Share(1, 10).is_below(Share(0, 30))


@pytest.mark.parametrize(
    ("since", "good", "recovered"),
    [
        # The last ten against 27 of 30.
        (0, 0, False),
        (6, 6, False),
        (10, 8, False),
        (10, 9, True),
        (10, 10, True),
        (39, 8, False),
        # That is how it is now.
        (40, 8, True),
    ],
)
def test_it_has_recovered(since: int, good: int, recovered: bool) -> None:
    """So many runs since it dropped, of which the last ten were good so often."""
    newest = [False] * (min(since, 10) - good) + [True] * good + [False] * (since - 10)
    before = [False] * 10 + [True] * 27 + [False] * 3
    assert has_recovered(judged(*newest, *before), 100 - since) is recovered
