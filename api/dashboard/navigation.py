"""The pages that every page leads to, in the groups in which they stand beside it."""

from dataclasses import dataclass

from api.dashboard.translations import marked


@dataclass(frozen=True)
class Place:
    """A page of the menu. `counts` is a field of `WaitingCounts`: how much waits there; `unit` says what that is."""

    name: str
    path: str
    counts: str | None = None
    unit: str = ""


@dataclass(frozen=True)
class PlaceGroup:
    """Places that belong together."""

    name: str
    places: tuple[Place, ...]


MENU = (
    PlaceGroup(
        marked("Agents at work"),
        (
            Place(marked("Heartbeats"), "/"),
            Place(marked("Runs"), "/runs"),
            Place(marked("Upcoming"), "/upcoming"),
            Place(marked("Tasks"), "/tasks"),
            Place(marked("Statistics"), "/stats"),
        ),
    ),
    PlaceGroup(
        marked("Needs you"),
        (
            Place(marked("Approvals"), "/approvals", "approvals", marked("waiting for you")),
            Place(marked("Findings"), "/findings", "findings", marked("open")),
        ),
    ),
    PlaceGroup(
        marked("Set up"),
        (
            Place(marked("Bots"), "/bots"),
            Place(marked("Tools"), "/tools", "tools", marked("changed")),
            Place(marked("Notifications"), "/notifications"),
        ),
    ),
    PlaceGroup(
        marked("Project"),
        (
            Place(marked("Credits"), "/credits"),
            Place(marked("Keys"), "/keys"),
            Place(marked("Settings"), "/settings"),
        ),
    ),
)
