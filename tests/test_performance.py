"""What docs/performance.md and the README say was measured is what bench/results/peers.json has."""

import json
from pathlib import Path

import pytest

from bench import goals_table, sizes
from bench.page_table import PAGE
from bench.peers import report
from bench.peers.catalogue import PEERS

FIGURES = json.loads(report.RESULTS.read_text())


@pytest.mark.parametrize("page", report.PAGES, ids=lambda page: page.name)
def test_tables_are_those_of_the_results(page: Path) -> None:
    text = page.read_text()
    assert report.PLACE.search(text)
    assert report.render(text, FIGURES) == text, "run `python -m bench.peers.report`"


def test_the_table_of_sizes_is_that_of_its_results() -> None:
    text = PAGE.read_text()
    measured = json.loads(sizes.RESULTS.read_text())
    assert sizes.render(text, measured) == text, "run `python -m bench.sizes write`"
    assert sizes.goals(measured).items() <= json.loads(goals_table.RESULTS.read_text()).items()


def test_the_table_of_goals_is_that_of_its_results() -> None:
    text = PAGE.read_text()
    goals = json.loads(goals_table.RESULTS.read_text())
    assert goals_table.render(text, goals) == text, "run `python -m bench.goals_table write`"


def test_a_goal_keeps_its_figure_until_it_is_measured_again() -> None:
    goal = {"measured": 2, "goal": "at most 1", "met": False, "day": "2026-01-01"}
    latest = {"machine": {"at": "2026-01-02T03:04:05Z"}, "goals": [{"name": "b"} | goal | {"measured": 1, "met": True}]}
    found = goals_table.taken_over({"a": {"name": "a"} | goal, "b": {"name": "b"} | goal}, latest)
    assert goals_table.table(found).splitlines()[2:] == [
        "| a | 2 | at most 1 | **no** | 2026-01-01 |",
        "| b | 1 | at most 1 | yes | 2026-01-02 |",
    ]


def test_charts_are_those_of_the_results() -> None:
    for name, chart in report.charts(FIGURES).items():
        assert (report.PICTURES / name).read_text() == chart, name


def test_every_peer_is_measured_or_said_to_be_left_out() -> None:
    for peer in PEERS:
        parts = {"crash", "clock", "cost", "herd"} if peer.plain else {"crash", "clock"}
        measured = {part for part in parts if any(_figures(part, peer.key))}
        assert measured == parts or peer.title in FIGURES["left_out"], peer.key


def _figures(part: str, key: str) -> list[object]:
    figures = FIGURES[part].get(key)
    return figures if isinstance(figures, list) else [figures]


def test_a_spread_is_told_where_rounds_differ() -> None:
    figures = FIGURES | {
        "crash": {
            "celery": [
                {"lost": lost, "results_doubled": 0, "charged_twice": 0, "asked_again": 1, "done_after_seconds": after}
                for lost, after in ((60, None), (58, None), (0, 12.0))
            ]
        },
        "clock": {"celery": {"ticks": 30, "not_run": 30, "without_a_trace": 30}},
    }
    [row] = report.losses(figures).splitlines()[2:]
    assert row == "| Celery, beat and Redis | 58 (0–60) | 0 | 0 | 1 | not in 2 min | 30 | 30 |"


def test_a_herd_that_was_not_done_says_so() -> None:
    round_ = {"jobs": 1000, "done": 430, "seconds": 119, "start_delay_p50": 58.1, "start_delay_p99": 118}
    whole = round_ | {"jobs": 100, "done": 100, "seconds": 9.5, "jobs_per_second": 10.5}
    figures = FIGURES | {"herd_jobs": 1000, "cost": {"dbos": [whole]}, "herd": {"dbos": [round_]}}
    [row] = report.delays(figures).splitlines()[2:]
    assert row == "| DBOS | 58.1 | 118 | 9.5 | 58.1 | 118 | 430 done in a minute |"
