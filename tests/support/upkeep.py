"""The activities of Upkeep at any time."""

from datetime import UTC, datetime, timedelta

from activities.upkeep import UpkeepActivities
from tests.support.world import World


def upkeep(world: World, ahead: timedelta = timedelta()) -> UpkeepActivities:
    """The activities with their clock set ahead."""
    return UpkeepActivities(
        world.client, world.database, world.settings, world.schedules, lambda: datetime.now(UTC) + ahead
    )
