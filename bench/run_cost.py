"""What a run costs: full runs against bare workflows on the same server, and the processor time by process.

Rounds of all three in turn, each with the same number of callers.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from temporalio.client import Client

from bench.bare import QUEUE, Three
from bench.goals import Result, median_ratio, rounded
from bench.processes import cpu_ms, cpu_ms_of_all
from bench.quantiles import quantile
from bench.running_stack import RunningStack, running_stack
from bench.scale import empty_postgres
from bench.throughput import ROUNDS, RUNS, TIMEOUT, complete_run, per_second, run_bare_workflow
from heartbeat.domain.ids import new_id

Clock = Callable[[], float]


async def measure(stack: RunningStack) -> Result:
    """Measure runs whose store is SQLite."""
    result = Result()
    await _compare(result, stack, "SQLite", {})
    return result


async def measure_postgres() -> Result:
    """Measure runs whose store is PostgreSQL, with all of its processes."""
    result = Result()
    with tempfile.TemporaryDirectory(prefix="heartbeat-bench-") as directory:
        home = Path(directory)
        with empty_postgres(home) as [url, _]:
            postmaster = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
            with running_stack(database_url=url) as stack:
                await stack.create_schedules()
                await _compare(result, stack, "PostgreSQL", {"postgres": partial(cpu_ms_of_all, postmaster)})
    own = quantile(result.raw["run_cpu_ms"]["postgres"], 0.5)
    result.at_most("PostgreSQL's own processor time a run in ms", own, 10)
    return result


async def _compare(result: Result, stack: RunningStack, store: str, clocks: dict[str, Clock]) -> None:
    client = await stack.client()
    ways = {
        "run": partial(complete_run, stack, client),
        "bare": partial(run_bare_workflow, client),
        "three": partial(_run_three, client),
    }
    processes = {"worker": stack.worker, "bare": stack.bare, "temporal": stack.temporal, "api": stack.api}
    clocks = {name: partial(cpu_ms, process) for name, process in processes.items()} | clocks
    rates: dict[str, list[float]] = {name: [] for name in ways}
    spent: dict[str, dict[str, list[float]]] = {name: {clock: [] for clock in clocks} for name in ways}
    for way in ways.values():
        await per_second(way)
    for _ in range(ROUNDS):
        for name, way in ways.items():
            before = {clock: read() for clock, read in clocks.items()}
            rates[name].append(await per_second(way))
            for clock, read in clocks.items():
                spent[name][clock].append((read() - before[clock]) / RUNS)
    for name in ways:
        result.raw[f"{name}_per_second"] = [*map(rounded, rates[name])]
        result.raw[f"{name}_cpu_ms"] = {clock: [*map(rounded, times)] for clock, times in spent[name].items()}
    of_worker = median_ratio(spent["run"]["worker"], spent["bare"]["bare"])
    result.at_most(f"{store}: processor time of a worker for a run / for a bare workflow", of_worker, 1.6)
    of_bare = median_ratio(rates["run"], rates["bare"])
    result.at_least(f"{store}: full runs a second / bare one-activity workflows a second", of_bare, 0.9)
    of_three = median_ratio(rates["run"], rates["three"])
    result.at_least(f"{store}: full runs a second / workflows of three activities a second", of_three, 1.3)


async def _run_three(client: Client, number: int) -> object:
    """Start one workflow of three activities and wait for its end."""
    return await client.execute_workflow(
        Three.run, number, id=new_id("three"), task_queue=QUEUE, execution_timeout=TIMEOUT
    )
