"""Put what report.json holds into docs/reliability.md and README.md: `python -m tests.faults.publish`."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.report import read, table

ROOT = Path(__file__).parents[2]
TABLE = re.compile(r"(?<=<!-- faults -->\n).*?(?=\n<!-- end -->)", re.DOTALL)
QUOTED = re.compile(r"in [\d,]+ faults on both stores, [\d,]+ runs\n  and [\d,]+ ticks")
Reports = list[dict[str, Any]]


def quoted(reports: Reports) -> str:
    """What the README says of all of them."""
    faults = sum(sum(found["faults"].values()) for found in reports)
    runs, ticks = (sum(found[name] for found in reports) for name in ("runs", "ticks"))
    return f"in {faults:,} faults on both stores, {runs:,} runs\n  and {ticks:,} ticks"


PLACES: dict[str, tuple[re.Pattern[str], Callable[[Reports], str]]] = {
    "docs/reliability.md": (TABLE, table),
    "README.md": (QUOTED, quoted),
}


def published(name: str, text: str, reports: Reports) -> str:
    """The page as it has to be."""
    place, words = PLACES[name]
    assert len(place.findall(text)) == 1, f"{name} has no place for it"
    return place.sub(lambda _: words(reports), text)


def main() -> None:
    for name in PLACES:
        page = ROOT / name
        page.write_text(published(name, page.read_text(), read()))


if __name__ == "__main__":
    main()
