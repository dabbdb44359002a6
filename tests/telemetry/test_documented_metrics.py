"""docs/operations.md names every metric of ours, and nothing else."""

import re
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry

from api.middleware.metrics import Metrics
from heartbeat.store.database import Database
from heartbeat.telemetry.metrics import REGISTRY
from tests.support.databases import ON_SQLITE

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def names(registry: CollectorRegistry) -> Iterable[str]:
    for family in registry.collect():
        yield f"{family.name}_total" if family.type == "counter" else family.name


@ON_SQLITE
async def test_every_metric_is_documented_and_nothing_else(database: Database) -> None:
    exported = {*names(REGISTRY), *names(Metrics(database).registry)}
    documented = set(re.findall(r"`(heartbeat_\w+)`", PAGE.read_text().split("## Metrics")[1].split("\n## ")[0]))
    assert documented == {name for name in exported if name.startswith("heartbeat_")}
