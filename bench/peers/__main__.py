"""Heartbeat beside what people would use instead; writes bench/results/peers.json and the tables of the documents.

`python -m bench.peers [--rounds 3] [--jobs 100] [--herd 1000] [--only KEY …] [--parts clock crash cost herd]`
"""

import argparse
import json
import os
import platform
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console

from bench.peers import costs, losses, report
from bench.peers.catalogue import PEERS, Peer
from bench.peers.world import Place, World
from bench.processes import BENCH, free_ports, running
from heartbeat.temporal.process import leave

PARTS = ["clock", "crash", "cost", "herd"]
# A herd that is not done after so many seconds is taken as it is.
HERD_SECONDS = 60.0
# How soon the model answers: a worker that is killed is to have jobs in its hands, and a price is that of nothing else.
MODEL_SECONDS = {"losses": 0.1, "costs": 0.0}

console = Console(highlight=False)


@dataclass(frozen=True)
class Bench:
    """The model server and the directory of all worlds, and how often and how much is measured."""

    home: Path
    log: Path
    model_url: str
    rounds: int
    jobs: int
    numbers: Iterator[int]
    # The worlds that are open.
    worlds: dict[str, ExitStack] = field(default_factory=dict)

    def measure(self, peer: Peer, what: str, work: Callable[[World], dict[str, Any]]) -> dict[str, Any] | None:
        """Measure one peer in a new world; a failure is said and leaves its figure out."""
        name = f"w{next(self.numbers)}"
        home = self.home / name
        home.mkdir(mode=0o755)
        began = monotonic()
        try:
            with ExitStack() as exits:
                self.worlds[name] = exits
                result = work(peer.build(Place(home, name, self.model_url), exits))
        except Exception as problem:
            console.print(f"[red]{what}: {peer.key} failed[/] {problem}", markup=True)
            return None
        finally:
            self.worlds.pop(name, None)
        console.print(f"{what}: {peer.key} {json.dumps(result)} ({monotonic() - began:.0f} s)", soft_wrap=True)
        return result

    def end(self) -> None:
        """End the processes of all worlds."""
        for world in [*self.worlds.values()]:
            world.close()


@contextmanager
def bench(rounds: int, jobs: int, model_seconds: float) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="heartbeat-peers-", ignore_cleanup_errors=True) as directory:
        home = Path(directory)
        home.chmod(0o755)
        [port] = free_ports(1)
        log = home / "requests"
        model = [*BENCH, "bench.peers.model", str(port), str(log), str(model_seconds)]
        with running(model, home / "model.log", port=port) as server:
            at = Bench(home, log, f"http://127.0.0.1:{port}/v1", rounds, jobs, count())

            def interrupt(*_: object) -> None:
                at.end()
                server.kill()
                shutil.rmtree(home, ignore_errors=True)
                leave(130)

            signal.signal(signal.SIGINT, interrupt)
            yield at


def measure_losses(bench: Bench, peers: list[Peer], parts: list[str]) -> dict[str, dict[str, Any]]:
    """Kill clocks and workers, the worlds side by side."""
    clocks: dict[str, Future[Any]] = {}
    crashes: dict[str, list[Future[Any]]] = {}
    with ThreadPoolExecutor(len(peers) * (bench.rounds + 1)) as pool:
        if "clock" in parts:
            clocks = {peer.key: pool.submit(bench.measure, peer, "clock", losses.clock) for peer in peers}
        if "crash" in parts:
            for peer in peers * bench.rounds:
                work = pool.submit(bench.measure, peer, "crash", lambda it: losses.crash(it, bench.jobs, bench.log))
                crashes.setdefault(peer.key, []).append(work)
    return {
        "clock": {key: future.result() for key, future in clocks.items()},
        "crash": {key: [future.result() for future in futures] for key, futures in crashes.items()},
    }


def measure_costs(bench: Bench, peers: list[Peer], what: str, rounds: int, jobs: int) -> dict[str, list[Any]]:
    """Measure herds, the peers in turn in each round."""
    figures: dict[str, list[Any]] = {peer.key: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            figures[peer.key].append(
                bench.measure(peer, what, lambda it: costs.herd(it, jobs, bench.log, HERD_SECONDS))
            )
    return figures


def keep_the_rest(figures: dict[str, Any]) -> None:
    """Take from the results of before what was not measured this time."""
    before = json.loads(report.RESULTS.read_text()) if report.RESULTS.exists() else {}
    for part in PARTS:
        figures[part] = before.get(part, {}) | figures.get(part, {})


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--herd", type=int, default=1000)
    parser.add_argument("--only", nargs="*", default=[peer.key for peer in PEERS], metavar="KEY")
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    left_out = {peer.title: reason for peer in PEERS if peer.plain and (reason := peer.missing())}
    for title, reason in left_out.items():
        console.print(f"{title} is left out: {reason}.")
    peers = [peer for peer in PEERS if peer.key in given.only and not peer.missing()]
    plain = [peer for peer in peers if peer.plain]
    whole = given.parts == PARTS and given.only == [peer.key for peer in PEERS]
    began, load = monotonic(), round(os.getloadavg()[1])
    with bench(given.rounds, given.jobs, MODEL_SECONDS["losses"]) as at:
        figures: dict[str, Any] = measure_losses(at, peers, given.parts)
    with bench(given.rounds, given.jobs, MODEL_SECONDS["costs"]) as at:
        if "cost" in given.parts:
            figures["cost"] = measure_costs(at, plain, "cost", given.rounds, given.jobs)
        if "herd" in given.parts:
            figures["herd"] = measure_costs(at, plain, "herd", 1, given.herd)
    figures |= {"rounds": given.rounds, "jobs": given.jobs, "herd_jobs": given.herd, "left_out": left_out}
    figures["machine"] = {
        "at": f"{datetime.now(UTC):%Y-%m-%d}",
        "seconds": round(monotonic() - began) if whole else None,
        "load": load,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    if not whole:
        keep_the_rest(figures)
    report.RESULTS.parent.mkdir(exist_ok=True)
    report.RESULTS.write_text(json.dumps(figures, indent=1) + "\n")
    report.write(figures)
    console.print(f"All of it took {monotonic() - began:.0f} s.")
    leave(0)


if __name__ == "__main__":
    main()
