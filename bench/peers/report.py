"""The tables and charts of docs/performance.md and the README's table, written from bench/results/peers.json.

`python -m bench.peers.report` writes them anew.
"""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.goals import rounded
from bench.peers.catalogue import PEERS, Peer
from bench.peers.chart import Bar, svg

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench" / "results" / "peers.json"
PAGES = [ROOT / "README.md", ROOT / "docs" / "performance.md"]
PICTURES = ROOT / "docs" / "pictures"
# What stands between these two is written by this module.
PLACE = re.compile(r"(<!-- peers: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
PROCESSES = ["Temporal", "worker", "API", "Redis", "beat", "PostgreSQL"]
PROCESSES_AND_STORES = [*PROCESSES, "SQLite"]
NOT_MEASURED = "—"
BUSY = " Other work kept the machine busy (load {}), so every time is far too long; counts and CPU hold."

Figures = dict[str, Any]


def write(figures: Figures) -> None:
    """Write every table and chart into its place."""
    for page in PAGES:
        page.write_text(render(page.read_text(), figures))
    for name, picture in charts(figures).items():
        (PICTURES / name).write_text(picture)


def render(page: str, figures: Figures) -> str:
    """Return the page with its tables written from the figures."""
    tables = {"losses": losses, "costs": costs, "delays": delays, "summary": summary, "setup": setup}
    return PLACE.sub(lambda place: f"{place[1]}{tables[place[2]](figures)}\n{place[3]}", page)


def setup(figures: Figures) -> str:
    """Say how much was measured, when, and what was left out."""
    machine = figures["machine"]
    took = f" It took {machine['seconds'] / 60:.0f} min." if machine["seconds"] else ""
    busy = BUSY.format(machine["load"]) if machine["load"] > machine["cores"] else ""
    left_out = "".join(f" {title} is left out: {reason}." for title, reason in figures["left_out"].items())
    return (
        f"Measured on {machine['at']} on {machine['cores']} cores ({machine['system']}, Python {machine['python']}). "
        f"Rounds: {figures['rounds']}, of {figures['jobs']} jobs.{took}{busy}{left_out}"
    )


LOSSES = {
    "lost": "jobs lost",
    "results_doubled": "results doubled",
    "charged_twice": "charged twice",
    "asked_again": "model asked again",
}
TICKS = {"not_run": "ticks not run", "without_a_trace": "ticks without a trace"}


def losses(figures: Figures) -> str:
    rows = [
        [peer.title, *_counts(figures, peer, LOSSES), _done_after(figures, peer), *_ticks(figures, peer, TICKS)]
        for peer in _measured(figures, "crash")
    ]
    return _table([*LOSSES.values(), "all done after", *TICKS.values()], rows)


def summary(figures: Figures) -> str:
    """Write the first table as the README quotes it: with each peer's default settings."""
    counts, ticks = ["lost", "charged_twice", "asked_again"], ["without_a_trace"]
    rows = [
        [peer.title, *_counts(figures, peer, counts), *_ticks(figures, peer, ticks)]
        for peer in _measured(figures, "crash")
        if peer.plain
    ]
    return _table([*(LOSSES[key] for key in counts), *(TICKS[key] for key in ticks)], rows)


def _counts(figures: Figures, peer: Peer, keys: Iterable[str]) -> list[str]:
    rounds = _rounds(figures, "crash", peer)
    return [_spread(rounds, key) for key in keys]


def _ticks(figures: Figures, peer: Peer, keys: Iterable[str]) -> list[str]:
    ticks = figures["clock"].get(peer.key) or {}
    return [str(ticks.get(key, NOT_MEASURED)) for key in keys]


def _done_after(figures: Figures, peer: Peer) -> str:
    """Write how long after the kill the last job was done."""
    seconds = [one["done_after_seconds"] for one in _rounds(figures, "crash", peer)]
    return "not in 2 min" if None in seconds else f"{median(seconds):.0f} s"


def costs(figures: Figures) -> str:
    columns = ["jobs a second", "CPU a job in ms", "of these", "bytes a job", "idle MB", "of these"]
    rows = []
    for peer in _measured(figures, "cost"):
        rounds = _rounds(figures, "cost", peer)
        cpu, memory = _by_process(rounds, "cpu_ms"), _by_process(rounds, "idle_mb")
        sizes = _by_process(_whole(_rounds(figures, "herd", peer)) or rounds, "bytes")
        rows.append(
            [
                peer.title,
                _spread(rounds, "jobs_per_second"),
                f"{rounded(sum(cpu.values())):g}",
                _list(cpu),
                _list(sizes),
                f"{sum(memory.values()):.0f}",
                _list(memory),
            ]
        )
    return _table(columns, rows)


def delays(figures: Figures) -> str:
    columns = [
        f"{figures['jobs']}: p50 in s",
        "p99",
        "last done",
        f"{figures['herd_jobs']:,}: p50 in s",
        "p99",
        "last done",
    ]
    rows = []
    for peer in _measured(figures, "cost"):
        row = [peer.title]
        for rounds in (_rounds(figures, "cost", peer), _rounds(figures, "herd", peer)):
            row += [_spread(rounds, "start_delay_p50"), _spread(rounds, "start_delay_p99"), _last(rounds)]
        rows.append(row)
    return _table(columns, rows)


def charts(figures: Figures) -> dict[str, str]:
    """Draw one chart a table; returns them by file name."""
    jobs = figures["jobs"]
    crash, cost = [_measured(figures, part) for part in ("crash", "cost")]
    lost = [_medians(figures, "crash", peer, ["lost", "charged_twice", "asked_again"]) for peer in crash]
    used = [_by_process(_rounds(figures, "cost", peer), "cpu_ms") for peer in cost]
    late = [_medians(figures, "cost", peer, ["start_delay_p50", "start_delay_p99", "seconds"]) for peer in cost]
    return {
        "peers-losses.svg": svg(
            f"A worker killed among {jobs} jobs",
            ["lost", "charged twice", "model asked again"],
            [Bar(peer.title.replace("`", ""), values, _ends(values)) for peer, values in zip(crash, lost, strict=True)],
        ),
        "peers-costs.svg": svg(
            "CPU a job in ms",
            PROCESSES,
            [
                Bar(peer.title, [cpu.get(name, 0) for name in PROCESSES], _ends([sum(cpu.values())]))
                for peer, cpu in zip(cost, used, strict=True)
            ],
        ),
        "peers-delays.svg": svg(
            f"{jobs} jobs due at once, in s",
            ["p50 of the starts", "p99", "last one done"],
            [
                Bar(peer.title, [values[0], values[1] - values[0], values[2] - values[1]], _ends(values))
                for peer, values in zip(cost, late, strict=True)
            ],
        ),
    }


def _medians(figures: Figures, part: str, peer: Peer, keys: Sequence[str]) -> list[float]:
    rounds = _rounds(figures, part, peer)
    return [median(one[key] for one in rounds) for key in keys]


def _ends(values: Sequence[float]) -> str:
    return " / ".join(f"{rounded(value):g}" for value in values)


def _measured(figures: Figures, part: str) -> list[Peer]:
    return [peer for peer in PEERS if _rounds(figures, part, peer)]


def _rounds(figures: Figures, part: str, peer: Peer) -> list[Figures]:
    """Return the rounds of a peer that came to an end."""
    return [figure for figure in figures.get(part, {}).get(peer.key, []) if figure]


def _spread(rounds: Sequence[Figures], key: str) -> str:
    """Write the median, and the least and the greatest where they differ."""
    values = [one[key] for one in rounds]
    if not values:
        return NOT_MEASURED
    middle, least, greatest = f"{rounded(median(values)):g}", f"{min(values):g}", f"{max(values):g}"
    return middle if least == greatest else f"{middle} ({least}–{greatest})"


def _by_process(rounds: Sequence[Figures], key: str) -> dict[str, float]:
    """Return the median of each process or database."""
    return {name: median(one[key][name] for one in rounds) for name in PROCESSES_AND_STORES if name in rounds[0][key]}


def _list(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {rounded(value):,g}" for name, value in values.items() if value)


def _last(rounds: Sequence[Figures]) -> str:
    """Write when the last job was done, or how many were when the herd was taken as it was."""
    if _whole(rounds) == rounds:
        return _spread(rounds, "seconds")
    return f"{median(one['done'] for one in rounds):,g} done in a minute"


def _whole(rounds: Sequence[Figures]) -> list[Figures]:
    return [one for one in rounds if one["done"] == one["jobs"]]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [["", *columns], ["---"] * (len(columns) + 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    write(json.loads(RESULTS.read_text()))
