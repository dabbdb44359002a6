"""What a job costs and how late it starts: a herd of jobs that are due in the same instant, on a warm worker."""

from pathlib import Path
from time import monotonic, sleep
from typing import Any

from bench.goals import rounded
from bench.peers import model
from bench.peers.world import World
from bench.quantiles import quantile

WARM_UP, IDLE_SECONDS = 10, 2.0


def herd(world: World, jobs: int, log: Path, limit: float) -> dict[str, Any]:
    """Measure one herd; after `limit` seconds it is taken as it is."""
    world.set_up(jobs, agents=0)
    world.start_worker()
    world.start_jobs(WARM_UP)
    _wait(world, WARM_UP, limit)
    sleep(IDLE_SECONDS)
    memory = world.processes.memory_mb()
    cpu, sizes = world.processes.cpu_seconds(), world.database_bytes()
    due = world.start_jobs(jobs)
    _wait(world, WARM_UP + jobs, limit)
    # What a peer writes after a job belongs to its price.
    sleep(1)
    done = world.results().total() - WARM_UP
    used, grown = world.processes.cpu_seconds(), world.database_bytes()
    seconds = world.finished_at() - due
    delays = _delays(world, jobs, log, due)
    return {
        "jobs": jobs,
        "done": done,
        "seconds": rounded(seconds),
        "jobs_per_second": rounded(done / seconds),
        "start_delay_p50": rounded(quantile(delays, 0.5)),
        "start_delay_p99": rounded(quantile(delays, 0.99)),
        "cpu_ms": {name: rounded((used[name] - cpu[name]) * 1000 / done) for name in used},
        "bytes": {name: round((grown[name] - sizes[name]) / done) for name in grown},
        "idle_mb": {name: rounded(size) for name, size in memory.items()},
    }


def _delays(world: World, jobs: int, log: Path, due: float) -> list[float]:
    """Return how many seconds after `due` each job asked its model."""
    times = model.requests(log)
    starts = [min((at for at in times[job] if at >= due), default=None) for job in world.place.jobs(jobs)]
    return [at - due for at in starts if at is not None]


def _wait(world: World, results: int, limit: float) -> None:
    """Wait until there are so many results, or to the limit."""
    deadline = monotonic() + limit
    while world.results().total() < results and monotonic() < deadline:
        world.processes.check()
        sleep(0.1)
