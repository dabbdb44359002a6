"""What a run of faults came to: as JSON, and as the table in docs/reliability.md."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from tests.faults.aftermath import Aftermath
from tests.faults.checks import CHECKS
from tests.faults.plan import Fault
from tests.support.rows import every_row

RECORDED = Path(__file__).with_name("report.json")
ROWS = {
    "machine": "machine",
    "day": "day",
    "seed": "seed",
    "seconds": "seconds of faults",
    "faults": "faults",
    "had an effect": "of which an effect was seen",
    "runs": "runs",
    "ticks": "ticks",
    "requests": "requests",
    "decisions": "calls that a person decided",
    "calls": "tool calls that were carried out",
    "messages": "messages that came",
    "unanswered": "requests without an answer, asked again",
    "sizes": "MB and open files, warm and at the end",
    "lost or doubled": "lost or doubled",
}


def report(
    store: str, seed: int, seconds: float, done: list[Fault], had_effect: Counter[str], after: Aftermath
) -> dict[str, Any]:
    """Count everything, with what each check found."""
    from heartbeat.store.tables.runs import Run

    runs = after.rows(Run)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 10**9
    return {
        "store": store,
        "machine": f"{os.cpu_count()} processors, {memory} GB, load {os.getloadavg()[2]:.0f}",
        "day": f"{after.until:%Y-%m-%d}",
        "seed": seed,
        "seconds": seconds,
        "faults": dict(sorted(Counter(fault.kind for fault in done).items())),
        "had an effect": dict(sorted(had_effect.items())),
        "runs": sum(run.status != "skipped" for run in runs),
        "ticks": sum(run.scheduled_for is not None for run in runs),
        "requests": after.accepted.requests,
        "decisions": len(after.accepted.decisions),
        "calls": after.outside.desk.done.total(),
        "messages": len(after.outside.inbox.got),
        "unanswered": after.accepted.unanswered,
        "sizes": sizes(after),
        "lost or doubled": {name: check(after) for name, check in CHECKS.items()},
    }


def sizes(after: Aftermath) -> str:
    """What each process had and has."""
    warm, end = after.sizes["warm"], after.sizes["end"]
    return ", ".join(f"{name} {warm[name][0]} MB {warm[name][1]} → {now[0]} MB {now[1]}" for name, now in end.items())


def require_nothing_lost(found: dict[str, Any]) -> None:
    """Fail with each check that found something."""
    with every_row() as row:
        for name, wrong in found["lost or doubled"].items():
            with row(name):
                assert not wrong, wrong


def table(reports: list[dict[str, Any]]) -> str:
    """A Markdown table with a column for each report."""
    lines = [_line("", [found["store"] for found in reports]), _line("---", ["---"] * len(reports))]
    lines += [_line(words, [_shown(found.get(name, "")) for found in reports]) for name, words in ROWS.items()]
    return "\n".join(lines)


def read() -> list[dict[str, Any]]:
    """The reports of the last long runs, one a store."""
    return list(json.loads(RECORDED.read_text())) if RECORDED.exists() else []


def record(found: dict[str, Any]) -> None:
    """Put a report in the place of the one that its store had."""
    others = [one for one in read() if one["store"] != found["store"]]
    reports = sorted([*others, found], key=lambda one: str(one["store"]))
    RECORDED.write_text(json.dumps(reports, indent=2) + "\n")


def _line(words: str, values: list[str]) -> str:
    return f"| {' | '.join([words, *values])} |"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    counts = {name: number if isinstance(number, int) else len(number) for name, number in value.items()}
    parts = ", ".join(f"{name} {number}" for name, number in counts.items())
    return f"{sum(counts.values()):,} ({parts})"
