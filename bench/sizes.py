"""What pages and lists cost at 5,000 heartbeats and ten million logs, beside 100 and 10,000, in docs/performance.md.

`BENCH_LOGS=10000000 python -m bench.sizes` measures both databases and writes `bench/results/sizes.json`; with `write`,
the table alone is written anew.
"""

import json
import os
import sys
from datetime import UTC, datetime
from statistics import median
from typing import Any

import uvloop

from bench import dashboard, lists
from bench.goals import rounded
from bench.logs_in_bulk import MANY_LOGS
from bench.page_table import PAGE, ROOT, with_table
from bench.sides import both_sides, compared, sides_of_each_database

RESULTS = ROOT / "bench" / "results" / "sizes.json"
WANTED, SHOWN = 1.5, 6
KINDS = {"pages": dashboard.PAGES, "lists": lists.LISTS}

Figures = dict[str, Any]


async def measure() -> Figures:
    """Compare every page and list of both databases."""
    found: Figures = {}
    async with sides_of_each_database() as databases:
        for name, urls, home in databases:
            async with both_sides(urls, home) as sides:
                found[name] = {kind: await compared(which, sides) for kind, which in KINDS.items()}
                found[name]["logs"] = MANY_LOGS
    machine = {"at": f"{datetime.now(UTC):%Y-%m-%d}", "cores": os.cpu_count(), "load": round(os.getloadavg()[2])}
    return {"machine": machine, "found": found}


def render(page: str, measured: Figures) -> str:
    """Return the page with its table written from the figures."""
    return with_table(page, "sizes", table(measured))


def table(measured: Figures) -> str:
    """Write how often more than half as much was needed again, and for which."""
    machine, rows = measured["machine"], []
    for database, kinds in measured["found"].items():
        for kind in KINDS:
            found = kinds[kind]
            grown = {address: many[1] / few[1] for address, (few, many) in found.items()}
            over = sorted((address for address in grown if grown[address] > WANTED), key=lambda one: -grown[one])
            names = ", ".join(f"`{address}` {rounded(grown[address]):g}" for address in over[:SHOWN]) or "none"
            middle, most = rounded(median(grown.values())), rounded(max(grown.values()))
            rows.append(
                f"| {kind} on {database}, {kinds['logs']:,} logs | {len(found)} | {middle:g} | {most:g} | {names} |"
            )
    return "\n".join(
        [
            f"Measured on {machine['at']} on {machine['cores']} cores with other work to do (load {machine['load']}): "
            "processor time is compared.",
            "",
            "| | how many | median ratio | greatest | above 1.5 |",
            "| --- | --- | --- | --- | --- |",
            *rows,
        ]
    )


def write(measured: Figures) -> None:
    """Keep the figures, and write the table into its place."""
    RESULTS.write_text(json.dumps(measured, indent=1) + "\n")
    PAGE.write_text(render(PAGE.read_text(), measured))


if __name__ == "__main__":
    write(json.loads(RESULTS.read_text()) if sys.argv[1:] == ["write"] else uvloop.run(measure()))
