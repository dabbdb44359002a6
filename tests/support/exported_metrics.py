"""The metrics that processes export."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from api.middleware.metrics import Metrics
from heartbeat.store.database.database import Database
from heartbeat.telemetry.metrics import REGISTRY

# What Temporal's SDK serves in a worker, of its own: those that we speak of.
OF_SDK = {
    "temporal_request_failure_total",
    "temporal_request_latency_seconds_bucket",
    "temporal_worker_task_slots_available",
    "temporal_worker_task_slots_used",
}


def metric_names(database: Database) -> set[str]:
    """The names of the metrics that an API and a worker export, as they are documented."""
    return {_name(family) for family in _families(database)}


def series_names(database: Database) -> set[str]:
    """The names under which Prometheus keeps them, and those of the SDK's."""
    families = list(_families(database))
    parts = {f"{family.name}_{part}" for family in families if family.type == "histogram" for part in PARTS}
    return parts | {_name(family) for family in families if family.type != "histogram"} | OF_SDK


PARTS = ("bucket", "count", "sum")


def _families(database: Database) -> Iterator[Metric]:
    registries: tuple[CollectorRegistry, ...] = (REGISTRY, Metrics(database).registry)
    for registry in registries:
        yield from registry.collect()


def _name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name
