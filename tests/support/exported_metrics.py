"""The metrics that processes export."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
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


def series_labels(database: Database) -> dict[str, set[str]]:
    """The labels that the series of each name have, but for Temporal's."""
    samples = [sample for family in _families(database) for sample in family.samples]
    labels = {sample.name: set(sample.labels) for sample in samples}
    for registry in _registries(database):
        for name, collector in registry._names_to_collectors.items():
            if isinstance(collector, MetricWrapperBase):
                bounds = {"le"} if name.endswith("_bucket") else set()
                labels[name] = {*collector._labelnames, *bounds}
    return labels


PARTS = ("bucket", "count", "sum")


def _families(database: Database) -> Iterator[Metric]:
    for registry in _registries(database):
        yield from registry.collect()


def _registries(database: Database) -> tuple[CollectorRegistry, ...]:
    return REGISTRY, Metrics(database).registry


def _name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name
