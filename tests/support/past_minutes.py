"""Ticks that a test runs now, of a cadence that has no other tick while the test runs."""

from datetime import UTC, datetime, timedelta

from temporalio.client import Client, ScheduleBackfill, ScheduleOverlapPolicy

MINUTE = timedelta(minutes=1)
COUNT = 15


class PastMinutes:
    """Fifteen ticks of which the last was a quarter of an hour ago: `cron` meets each of them again every hour.

    Those of `every=HOUR` are an hour apart. The next tick that comes by itself is half an hour away.
    """

    def __init__(self, every: timedelta = MINUTE) -> None:
        self._every, self._left = every, COUNT
        self.newest = datetime.now(UTC).replace(second=0, microsecond=0) - (COUNT + 1) * MINUTE
        self._next = self.newest - (COUNT - 1) * every
        self.cron = ",".join(sorted({f"{(self.newest - n * every).minute:02}" for n in range(COUNT)})) + " * * * *"

    async def run(self, client: Client, heartbeat: str, count: int = 1) -> datetime:
        """Let the heartbeat's schedule run the next ticks now, one after another; returns the last of them."""
        self._left -= count
        assert self._left >= 0, f"no more than {COUNT} ticks have passed"
        first, self._next = self._next, self._next + count * self._every
        last = self._next - self._every
        fill = ScheduleBackfill(start_at=first, end_at=last, overlap=ScheduleOverlapPolicy.BUFFER_ALL)
        await client.get_schedule_handle(heartbeat).backfill(fill)
        return last
