"""Metrics for Prometheus: requests are counted as they come, heartbeats and runs by the store at each scrape."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from heartbeat.store.overview.counts import InstallationCounts
from heartbeat.temporal.clock import SharedClock

BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)


class Metrics:
    """One application's numbers, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "heartbeat_http_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "heartbeat_http_request_seconds",
            "Time to answer.",
            ["method", "route"],
            registry=self._registry,
            buckets=BUCKETS,
        )
        self._heartbeats = Gauge("heartbeat_heartbeats", "Heartbeats by state.", ["state"], registry=self._registry)
        self._runs = Gauge("heartbeat_runs", "Runs by status, all time.", ["status"], registry=self._registry)
        self._missed = Gauge(
            "heartbeat_missed_ticks",
            "Ticks skipped because something was down when they were due, all time.",
            registry=self._registry,
        )
        self._pending = Gauge(
            "heartbeat_schedules_pending", "Schedules that are behind their rows.", registry=self._registry
        )
        self._zones = Gauge(
            "heartbeat_schedules_zone_differs",
            "Schedules whose next tick Temporal's time zone data has elsewhere than the workers'.",
            registry=self._registry,
        )
        self._clock = Gauge(
            "heartbeat_clock_offset_seconds",
            "How far the clocks of the database and of Temporal are ahead of this process's.",
            ["clock"],
            registry=self._registry,
        )
        # Looking up a series by its labels costs more than adding to it.
        self._of = cache(self._series)

    def _series(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return self._requests.labels(method, route, str(status)), self._seconds.labels(method, route)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        requests, took = self._of(method, route, status)
        requests.inc()
        took.observe(seconds)

    def text(self, counts: InstallationCounts, clock: SharedClock) -> bytes:
        """Render everything in Prometheus' text format."""
        for state, number in counts.heartbeats.items():
            self._heartbeats.labels(state).set(number)
        for status, number in counts.runs.items():
            self._runs.labels(status).set(number)
        self._missed.set(counts.missed_ticks)
        self._pending.set(counts.pending_schedules)
        self._zones.set(counts.zones_differ)
        self._clock.labels("database").set(clock.database_offset.total_seconds())
        if clock.temporal_offset is not None:
            self._clock.labels("temporal").set(clock.temporal_offset.total_seconds())
        return generate_latest(self._registry)
