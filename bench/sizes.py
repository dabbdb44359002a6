"""What pages and lists cost at 5,000 heartbeats and ten million logs, beside 100 and 10,000, in docs/performance.md.

`BENCH_LOGS=10000000 python -m bench.sizes` measures both databases, with `SQLite` or `PostgreSQL` one of them, and
writes `bench/results/sizes.json`, and the worst page and list among the goals. With `write`, the tables alone are
written anew, and with `fill PostgreSQL` a database is only filled, which makes sense where it is kept (`BENCH_HOME`).
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from statistics import median
from typing import Any

import uvloop

from bench import dashboard, goals_table, lists
from bench.goals import Result, rounded
from bench.logs_in_bulk import MANY_LOGS
from bench.page_table import PAGE, ROOT, with_table
from bench.sides import DATABASES, both_sides, compared

RESULTS = ROOT / "bench" / "results" / "sizes.json"
WANTED, SHOWN = 1.5, 6
KINDS = {"pages": dashboard.PAGES, "lists": lists.LISTS}

Figures = dict[str, Any]


async def measure(names: Sequence[str]) -> Figures:
    """Compare every page and list of these databases; returns them beside what was measured of the others."""
    measured: Figures = json.loads(RESULTS.read_text())
    for name in names:
        async with both_sides(name) as sides:
            kinds = {kind: await compared(which, sides) for kind, which in KINDS.items()}
        load = round(os.getloadavg()[2])
        measured[name] = {"logs": MANY_LOGS, "at": f"{datetime.now(UTC):%Y-%m-%d}", "load": load, **kinds}
    return measured


async def only_fill(names: Sequence[str]) -> None:
    """Fill these databases and measure nothing."""
    for name in names:
        async with both_sides(name):
            print(f"{name} is filled")


def render(page: str, measured: Figures) -> str:
    """Return the page with its table written from the figures."""
    return with_table(page, "sizes", table(measured))


def table(measured: Figures) -> str:
    """Write how often more than half as much was needed again, and for which."""
    rows = [_row(kind, name, measured[name]) for name in measured for kind in KINDS]
    return "\n".join(
        [
            "| | measured | how many | median ratio | greatest | above 1.5 |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
        ]
    )


def goals(measured: Figures) -> goals_table.Goals:
    """Return what was measured of the page and of the list that grow most, as goals by name."""
    found: goals_table.Goals = {}
    for name, figures in measured.items():
        result = Result()
        for kind in KINDS:
            what = f"{name}: processor time of the worst of all {kind}"
            worst = max(_grown(figures[kind]).values())
            result.at_most(
                f"{what} at 5,000 heartbeats and {figures['logs']:,} logs / at 100 and 10,000", worst, WANTED
            )
        found |= {goal.name: asdict(goal) | {"day": figures["at"]} for goal in result.goals}
    return found


def _grown(found: Figures) -> dict[str, float]:
    return {address: many[1] / few[1] for address, (few, many) in found.items()}


def _row(kind: str, name: str, measured: Figures) -> str:
    found = measured[kind]
    grown = _grown(found)
    over = sorted((address for address in grown if grown[address] > WANTED), key=lambda one: -grown[one])
    names = ", ".join(f"`{address}` {rounded(grown[address]):g}" for address in over[:SHOWN]) or "none"
    middle, most = rounded(median(grown.values())), rounded(max(grown.values()))
    what, when = f"{kind} on {name}, {measured['logs']:,} logs", f"{measured['at']}, load {measured['load']}"
    return f"| {what} | {when} | {len(found)} | {middle:g} | {most:g} | {names} |"


def write(measured: Figures) -> None:
    """Keep the figures, and write the table into its place."""
    RESULTS.write_text(json.dumps(measured, indent=1) + "\n")
    PAGE.write_text(render(PAGE.read_text(), measured))
    goals_table.write(json.loads(goals_table.RESULTS.read_text()) | goals(measured))


def main(arguments: Sequence[str]) -> None:
    """Do what the command line says."""
    names = [name for name in arguments if name in DATABASES] or list(DATABASES)
    if arguments[:1] == ["fill"]:
        uvloop.run(only_fill(names))
    else:
        write(json.loads(RESULTS.read_text()) if arguments == ["write"] else uvloop.run(measure(names)))


if __name__ == "__main__":
    main(sys.argv[1:])
