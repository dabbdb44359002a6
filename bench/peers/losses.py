"""What each peer loses: its worker killed in mid-job, and its clock away for three ticks.

What is counted does not depend on how fast the machine is, so many worlds wait side by side; two at a time work.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Semaphore
from time import monotonic, sleep, time
from typing import Any

from bench.goals import rounded
from bench.peers import model
from bench.peers.world import World

# Killed when this share of the jobs is done; given up, or taken as it is, so many seconds after.
KILL_AT, GIVEN_UP_SECONDS = 0.5, 120.0
WORKING_SECONDS, SETTLED_SECONDS = 3.0, 15.0
AGENTS, TICKS_AWAY = 10, 3
# After the full minute: what is due has run by then.
AFTER_TICK_SECONDS = 40.0
START_SECONDS = 180.0

# Two worlds at a time are set up, do jobs and are killed: what is slow must not look like what is lost.
turn = Semaphore(2)


def crash(world: World, jobs: int, log: Path) -> dict[str, Any]:
    """Kill the worker with `SIGKILL` among the jobs and start it again at once; count what became of them."""
    with turn:
        world.set_up(jobs, agents=0)
        world.start_backlog(jobs)
        _wait(lambda: len(world.results()) >= jobs * KILL_AT, world)
        world.kill_worker()
        killed = time()
        world.start_worker()
        # What carries on by itself does so now; what needs a timeout is waited for beside the next world.
        _wait_until_quiet(world, WORKING_SECONDS)
    while len(world.results()) < jobs and time() - killed < GIVEN_UP_SECONDS:
        sleep(0.5)
    _wait_until_quiet(world, SETTLED_SECONDS)
    results, charges = world.results(), world.charges()
    asked = Counter({job: len(times) for job, times in model.requests(log).items() if job in world.place.jobs(jobs)})
    return {
        "lost": jobs - len(results),
        "results_doubled": _again(results),
        "charged_twice": _again(charges),
        "asked_again": _again(asked),
        "done_after_seconds": rounded(world.finished_at() - killed) if len(results) == jobs else None,
    }


def _wait_until_quiet(world: World, seconds: float) -> None:
    """Wait until no result and no charge has come for so long."""
    last, seen = monotonic(), (0, 0)
    while monotonic() - last < seconds:
        counts = world.results().total(), world.charges().total()
        if counts != seen:
            last, seen = monotonic(), counts
        sleep(0.25)


def _again(counts: Counter[str]) -> int:
    """Count what happened more than once to the same job."""
    return sum(count - 1 for count in counts.values())


def clock(world: World) -> dict[str, Any]:
    """Kill the clock of agents that are due every minute, and start it again three ticks later; count the ticks."""
    with turn:
        world.set_up(jobs=0, agents=AGENTS)
        world.start_worker()
    before = _first_tick(world)
    world.kill_clock()
    killed = datetime.now(UTC)
    # The rest of this minute, and the three ticks.
    _sleep_until(before + TICKS_AWAY * 60 + AFTER_TICK_SECONDS)
    results = world.results().total()
    world.start_clock()
    _sleep_until(before + (TICKS_AWAY + 1) * 60 + AFTER_TICK_SECONDS)
    # All of the three minutes and the tick after them.
    missed = max(0, AGENTS * (TICKS_AWAY + 1) - (world.results().total() - results))
    until = datetime.fromtimestamp(before + TICKS_AWAY * 60, UTC) + timedelta(seconds=1)
    accounted = min(missed, world.accounted(killed, until))
    return {"ticks": AGENTS * TICKS_AWAY, "not_run": missed, "without_a_trace": missed - accounted}


def _first_tick(world: World) -> float:
    """Wait until a tick has run as a whole; returns its Unix time, as far from the next one as it has to be."""
    _wait(lambda: len(world.results()) >= AGENTS, world)
    # On a slow start the first ones are late; the next minute is a whole one.
    tick = time() // 60 * 60 + 60
    _sleep_until(tick + AFTER_TICK_SECONDS)
    return tick


def _sleep_until(at: float) -> None:
    sleep(max(0.0, at - time()))


def _wait(condition: Callable[[], bool], world: World) -> None:
    deadline = monotonic() + START_SECONDS
    while not condition():
        world.processes.check()
        if monotonic() > deadline:
            raise RuntimeError(f"{world.place.name}: nothing happens; its logs are in {world.place.home}")
        sleep(0.02)
