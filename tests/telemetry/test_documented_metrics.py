"""docs/operations.md names every metric of ours, and nothing else."""

import re
from pathlib import Path

from heartbeat.store.database.database import Database
from tests.support.databases import ON_SQLITE
from tests.support.exported_metrics import metric_names

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


@ON_SQLITE
async def test_every_metric_is_documented_and_nothing_else(database: Database) -> None:
    chapter = PAGE.read_text().split("## Metrics")[1].split("\n## ")[0]
    documented = set(re.findall(r"`(heartbeat_\w+)`", chapter))
    assert documented == {name for name in metric_names(database) if name.startswith("heartbeat_")}
