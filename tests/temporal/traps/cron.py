"""When a pattern fires: given to Temporal as a bare `cron_expression`, and here."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from temporalio.client import Client, ScheduleSpec
from temporalio.service import RPCError

from heartbeat.domain.cadence import calendars
from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.cadence.ticks import Cadence
from tests.support.temporal_schedules import Span, as_temporal, fires
from tests.support.world import World

MINUTE = timedelta(minutes=1)
NOW = datetime(2027, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Pattern:
    """A pattern between two instants, or on the days "2027-03-14" or "2027-03-14 2027-03-15" on the wall."""

    zone: str
    text: str
    when: str | Span

    async def bare(self, client: Client) -> str:
        """What the server fires, as the wall shows it."""
        spec = ScheduleSpec(cron_expressions=[self.text], time_zone_name=self.zone)
        try:
            return self._shown(await fires(client, spec, [self._span()]))
        except RPCError:
            return "refused"

    async def here(self, world: World) -> str:
        """The ticks, which are what the server fires of this product's schedule, cut at the gate of each run."""
        try:
            cadence = Cadence(self.zone, self.text).validated()
        except CadenceError as problem:
            return f"refused: {problem.message}"
        span = self._span()
        fired = await fires(world.client, as_temporal(calendars.spec(cadence, NOW)), [span])
        assert [instant for instant in fired if cadence.is_tick(instant)] == cadence.between(*span)
        return self._shown(cadence.between(*span))

    def _span(self) -> Span:
        if not isinstance(self.when, str):
            return self.when
        days = [datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(self.zone)) for day in self.when.split()]
        return days[0].astimezone(UTC) - MINUTE, (days[-1] + timedelta(days=1)).astimezone(UTC) - MINUTE

    def _shown(self, instants: list[datetime]) -> str:
        """As the wall shows them, a repeated time marked by a star the second time."""
        walls = [instant.astimezone(ZoneInfo(self.zone)) for instant in instants]
        return ", ".join(f"{wall:%a %d %H:%M}{'*' if wall.fold else ''}" for wall in walls) or "never"
