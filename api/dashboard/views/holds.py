"""What pages show of the hold of a project."""

from dataclasses import dataclass
from datetime import UTC, datetime

from api.dashboard.translations import marked
from api.dashboard.views.formats import Moment, moment
from heartbeat.store.tables.projects import ProjectHold

RUNNING = (
    ("finish", marked("let them finish")),
    ("cancel", marked("cancel them, but for those that wait for a person")),
)


@dataclass(frozen=True)
class HoldBanner:
    """The hold that a project is on; `until` is when it ends by itself."""

    reason: str
    held_by: str
    since: Moment
    until: Moment | None


def hold_banner(hold: ProjectHold | None, now: datetime) -> HoldBanner | None:
    """What stands over every page while the project is on hold."""
    if hold is None:
        return None
    until = moment(hold.until, UTC, now) if hold.until else None
    return HoldBanner(hold.reason, hold.held_by, moment(hold.created_at, UTC, now), until)
