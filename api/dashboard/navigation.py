"""The pages that every page leads to, in the groups in which they stand beside it."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from api.dashboard.translations import marked


@dataclass(frozen=True)
class Place:
    """A page of the menu. `counts` is a field of `WaitingCounts`: how much waits there; `unit` says what that is.

    `key` leads there after a g.
    """

    name: str
    path: str
    counts: str | None = None
    unit: str = ""
    key: str = ""


@dataclass(frozen=True)
class PlaceGroup:
    """Places that belong together."""

    name: str
    places: tuple[Place, ...]


MENU = (
    PlaceGroup(
        marked("Agents at work"),
        (
            Place(marked("Heartbeats"), "/", key="h"),
            Place(marked("Runs"), "/runs", key="r"),
            Place(marked("Upcoming"), "/upcoming", key="u"),
            Place(marked("Tasks"), "/tasks", key="t"),
            Place(marked("Statistics"), "/stats", key="i"),
        ),
    ),
    PlaceGroup(
        marked("Needs you"),
        (
            Place(marked("Approvals"), "/approvals", "approvals", marked("waiting for you"), key="a"),
            Place(marked("Findings"), "/findings", "findings", marked("open"), key="f"),
        ),
    ),
    PlaceGroup(
        marked("Set up"),
        (
            Place(marked("Bots"), "/bots", key="b"),
            Place(marked("Tools"), "/tools", "tools", marked("changed"), key="o"),
            Place(marked("Subscribers"), "/subscribers", key="e"),
            Place(marked("Memories"), "/memories", key="m"),
            Place(marked("Notifications"), "/notifications", key="n"),
        ),
    ),
    PlaceGroup(
        marked("Project"),
        (
            Place(marked("Credits"), "/credits", key="c"),
            Place(marked("Members"), "/members"),
            Place(marked("Keys"), "/keys", key="k"),
            Place(marked("Audit log"), "/audit", key="l"),
            Place(marked("Settings"), "/settings", key="s"),
        ),
    ),
)
PLACES = {place.path: place for group in MENU for place in group.places}
# Pages that stand below another one than their address says.
BELOW = {"/heartbeats": "/", "/rehearsals": "/runs", "/tries": "/runs"}


def place_of(addresses: Iterable[str]) -> Place:
    """Return the place of the menu that the first of these addresses belongs to which belongs to any; else the first.

    An address may be anybody's: nothing of it is in what this returns.
    """
    for address in addresses:
        path = _path(address)
        start = "/" + path.strip("/").partition("/")[0]
        place = PLACES.get(BELOW.get(start, start)) if path else None
        if place is not None:
            return place
    return PLACES["/"]


def _path(address: str) -> str:
    """Return the path of an address, empty for what is none."""
    try:
        return urlsplit(address).path
    except ValueError:
        return ""
