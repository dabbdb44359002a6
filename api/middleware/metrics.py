"""Metrics for Prometheus: requests are counted as they come; everything else is looked up at each scrape."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest

from api.middleware.installation_metrics import InstallationMetrics
from heartbeat.store.database.database import Database
from heartbeat.telemetry.pool import PoolCollector

BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)


class Metrics:
    """One application's numbers, in a registry of their own."""

    def __init__(self, database: Database) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(PoolCollector(database))
        self.installation = InstallationMetrics(self.registry)
        self._requests = Counter(
            "heartbeat_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "heartbeat_http_request_seconds",
            "Time to answer.",
            ["method", "route"],
            registry=self.registry,
            buckets=BUCKETS,
        )
        self.auth_failures = Counter(
            "heartbeat_auth_failures",
            "Keys, sign-ins and links that were wrong (`failed`), or not looked at after too many (`refused`).",
            ["kind", "outcome"],
            registry=self.registry,
        )
        # Looking up a series by its labels costs more than adding to it.
        self._of = cache(self._series)

    def _series(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return self._requests.labels(method, route, str(status)), self._seconds.labels(method, route)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        requests, took = self._of(method, route, status)
        requests.inc()
        took.observe(seconds)

    def text(self) -> bytes:
        """Render everything in Prometheus' text format."""
        return generate_latest(self.registry)
