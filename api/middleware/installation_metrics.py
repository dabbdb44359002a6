"""Numbers of the whole installation, looked up at each scrape. Every API process tells the same ones."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge

from heartbeat.store.overview.backlogs import Backlogs
from heartbeat.store.overview.counts import InstallationCounts, Tally
from heartbeat.temporal.backlog import QueueBacklog
from heartbeat.temporal.clock import SharedClock

WAITS = ("rate_limit", "capacity")


class InstallationMetrics:
    """Gauges, set before they are read. `newest_run` is the run up to which skipped ticks are counted.

    `tally` is what all heartbeats came to when they were counted last.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(f"heartbeat_{name}", meaning, labels, registry=registry)

        self.newest_run: int | None = None
        self.tally: Tally | None = None
        self._heartbeats = gauge("heartbeats", "Heartbeats by state.", "state")
        self._runs = gauge("runs", "Runs by status, all time.", "status")
        self._missed = gauge("missed_ticks", "Ticks skipped because something was down when they were due, all time.")
        self._skipped = Counter(
            "heartbeat_skipped_ticks", "Ticks that were skipped, since this started.", ["reason"], registry=registry
        )
        self._due = gauge("due_ticks", "Enabled heartbeats whose tick has come and that have not begun its run.")
        self._late = gauge("due_tick_age_seconds", "How long the tick waits that waits longest, beyond its jitter.")
        self._parked = gauge("parked_runs", "Runs that wait for credits.")
        self._waiting = gauge("waiting_runs", "Runs that wait for something that no person decides.", "reason")
        self._parked_age = gauge("parked_run_age_seconds", "How long the run waits for credits that waits longest.")
        self._pending = gauge("schedules_pending", "Schedules that are behind their rows.")
        self._zones = gauge(
            "schedules_zone_differs",
            "Schedules whose next tick Temporal's time zone data has elsewhere than the workers'.",
        )
        self._tasks = gauge("queue_tasks", "Tasks that wait in a task queue of Temporal's.", "queue", "kind")
        self._task_age = gauge("queue_age_seconds", "How long the oldest task there has waited.", "queue", "kind")
        self._pollers = gauge("queue_pollers", "Workers that poll a task queue.", "queue", "kind")
        self._clock = gauge(
            "clock_offset_seconds",
            "How far the clocks of the database and of Temporal are ahead of this process's.",
            "clock",
        )

    def set_counts(self, counts: InstallationCounts, backlogs: Backlogs) -> None:
        """Take over what the store has counted."""
        self.tally = counts.tally
        for state, number in counts.tally.heartbeats.items():
            self._heartbeats.labels(state).set(number)
        for status, number in {**counts.tally.runs, "running": counts.running}.items():
            self._runs.labels(status).set(number)
        self._missed.set(counts.tally.missed_ticks)
        self._zones.set(counts.tally.zones_differ)
        self._pending.set(counts.pending_schedules)
        for reason, number in backlogs.skipped.items():
            self._skipped.labels(reason).inc(number)
        self.newest_run = backlogs.newest
        self._due.set(backlogs.due)
        self._late.set(backlogs.late_seconds)
        self._parked.set(backlogs.parked)
        self._parked_age.set(backlogs.parked_seconds)
        for reason in WAITS:
            self._waiting.labels(reason).set(backlogs.waiting.get(reason, 0))

    def set_queues(self, queues: Sequence[QueueBacklog]) -> None:
        """Take over what Temporal tells of its task queues; where it tells nothing, nothing is known of them."""
        for gauge in (self._tasks, self._task_age, self._pollers):
            gauge.clear()
        for queue in queues:
            self._tasks.labels(queue.task_queue, queue.kind).set(queue.tasks)
            self._task_age.labels(queue.task_queue, queue.kind).set(queue.age_seconds)
            self._pollers.labels(queue.task_queue, queue.kind).set(queue.pollers)

    def set_clock(self, clock: SharedClock) -> None:
        """Take over how the clocks compare."""
        self._clock.labels("database").set(clock.database_offset.total_seconds())
        if clock.temporal_offset is not None:
            self._clock.labels("temporal").set(clock.temporal_offset.total_seconds())
