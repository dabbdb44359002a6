"""When a budget is worth a word, when it will be spent, and which run is a costly one."""

from datetime import UTC, datetime, timedelta

import pytest

from heartbeat.domain.budgets import MAX_KNOWN, BudgetUse, spent_on, usual_credits, with_newest

START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("budget", "before", "used", "level"),
    [
        (100, 0, 49, None),
        (100, 49, 50, 50),
        (100, 50, 79, None),
        (100, 79, 80, 80),
        (100, 80, 99, None),
        (100, 99, 100, 100),
        (100, 100, 120, None),
        (100, 10, 85, 80),
        (100, 0, 100, 100),
        (3, 1, 2, 50),
        (3, 2, 3, 100),
        (1, 0, 1, 100),
        # Nobody used anything of it.
        (0, 0, 0, None),
        (0, 0, 2, None),
    ],
)
def test_the_level_that_a_charge_reaches(budget: int, before: int, used: int, level: int | None) -> None:
    assert BudgetUse("bot", 1, budget, before, used).level == level


@pytest.mark.parametrize(
    ("days", "used", "spent"),
    [(10, 50, 20), (10, 80, 12.5), (15, 50, None), (20, 50, None), (1, 50, 2), (0, 50, 0), (29, 100, 29)],
)
def test_the_day_on_which_a_budget_will_be_spent(days: float, used: int, spent: float | None) -> None:
    day = spent_on(BudgetUse("project", 1, 100, 0, used), START, END, START + timedelta(days=days))
    assert day == (None if spent is None else START + timedelta(days=spent))


@pytest.mark.parametrize(
    ("recent", "newest", "usual"),
    [
        ([2, 2, 2, 2], 100, None),
        ([2, 2, 2, 2, 2], 6, None),
        ([2, 2, 2, 2, 2], 7, 2),
        ([1, 1, 1, 1, 1, 2, 2, 2, 2, 2], 5, 1.5),
        ([1, 1, 1, 1, 1, 2, 2, 2, 2, 2], 4, None),
        ([1, 1, 1, 90, 90], 4, 1),
    ],
)
def test_a_costly_run(recent: list[int], newest: int, usual: float | None) -> None:
    assert usual_credits(recent, newest) == usual


def test_the_last_runs_that_cost_anything_are_known() -> None:
    recent: list[int] = []
    for cost in range(30):
        recent = with_newest(recent, cost)
    assert recent == list(range(30 - MAX_KNOWN, 30))
    assert with_newest(recent, 0) == recent
