"""Every goal that was measured, in docs/performance.md: `python -m bench.goals_table` takes over the last measurement.

A goal that it did not measure stays as it was, with its day. With `write`, the table alone is written anew.
"""

import json
import sys
from typing import Any

from bench.__main__ import LATEST
from bench.page_table import PAGE, ROOT, with_table

RESULTS = ROOT / "bench" / "results" / "goals.json"
MET = {True: "yes", False: "**no**"}

Goals = dict[str, dict[str, Any]]


def taken_over(goals: Goals, latest: dict[str, Any]) -> Goals:
    """Return the goals with those of the last measurement in place of what they were."""
    day = latest["machine"]["at"][:10]
    return goals | {goal["name"]: goal | {"day": day} for goal in latest["goals"]}


def render(page: str, goals: Goals) -> str:
    """Return the page with its table written from the goals."""
    return with_table(page, "goals", table(goals))


def table(goals: Goals) -> str:
    """Write each goal, what was measured and whether that is enough."""
    rows = [
        f"| {goal['name']} | {goal['measured']:g} | {goal['goal']} | {MET[goal['met']]} | {goal['day']} |"
        for goal in goals.values()
    ]
    return "\n".join(["| | measured | goal | met | day |", "| --- | --- | --- | --- | --- |", *rows])


def write(goals: Goals) -> None:
    """Keep the goals, and write the table into its place."""
    RESULTS.write_text(json.dumps(goals, indent=1) + "\n")
    PAGE.write_text(render(PAGE.read_text(), goals))


if __name__ == "__main__":
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    write(known if sys.argv[1:] == ["write"] else taken_over(known, json.loads(LATEST.read_text())))
