"""Ticks that a test runs now, of a cadence that has no other tick while the test runs."""

from datetime import UTC, datetime, timedelta

from temporalio.client import Client, ScheduleBackfill, ScheduleOverlapPolicy

MINUTE = timedelta(minutes=1)
COUNT = 15


class PastMinutes:
    """Fifteen minutes that began half an hour ago: `cron` meets them each hour, so the next is half an hour away."""

    def __init__(self) -> None:
        self._next = datetime.now(UTC).replace(second=0, microsecond=0) - 30 * MINUTE
        self.cron = ",".join(str((self._next + n * MINUTE).minute) for n in range(COUNT)) + " * * * *"
        self._left = COUNT

    async def run(self, temporal_port: int, heartbeat: str, count: int = 1) -> None:
        """Let the heartbeat's schedule run the next ticks now, one after another."""
        self._left -= count
        assert self._left >= 0, f"no more than {COUNT} ticks have passed"
        first, self._next = self._next, self._next + count * MINUTE
        client = await Client.connect(f"127.0.0.1:{temporal_port}")
        fill = ScheduleBackfill(start_at=first, end_at=self._next - MINUTE, overlap=ScheduleOverlapPolicy.BUFFER_ALL)
        await client.get_schedule_handle(heartbeat).backfill(fill)
