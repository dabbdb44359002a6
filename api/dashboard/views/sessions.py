"""What a page shows of sessions: day, address and browser."""

from dataclasses import dataclass
from datetime import UTC, datetime

from api.dashboard.translations import gettext as _
from api.dashboard.views.formats import Moment, moment
from api.dashboard.views.keys import day_of_use
from heartbeat.store.users.sessions import ListedSession

# Each calls itself by the names of those before it, too, so that the first that is named counts.
BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "Chrome/": "Chrome",
    "CriOS/": "Chrome",
    "Safari/": "Safari",
    "curl/": "curl",
}
SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}
MAX_NAME = 60


@dataclass(frozen=True)
class SessionLine:
    """One session. `last_used` is the day, in words; `own` is the visitor's."""

    uuid: str
    browser: str
    address: str
    owner: str
    by_key: bool
    began: Moment
    last_used: str
    own: bool


def session_lines(listed: list[ListedSession], own_uuid: str, now: datetime) -> list[SessionLine]:
    return [_line(one, one.session.uuid == own_uuid, now) for one in listed]


def browser_name(user_agent: str) -> str:
    """Read which browser of which system calls itself so: "Firefox, Linux"."""
    names = [next((name for mark, name in known.items() if mark in user_agent), "") for known in (BROWSERS, SYSTEMS)]
    return ", ".join(filter(None, names)) or user_agent[:MAX_NAME] or _("unknown")


def _line(listed: ListedSession, own: bool, now: datetime) -> SessionLine:
    session, by_key = listed.session, listed.owner.kind == "key"
    return SessionLine(
        session.uuid,
        browser_name(session.browser),
        session.address,
        listed.owner.name if by_key else listed.owner.words,
        by_key,
        moment(session.created_at, UTC, now),
        day_of_use(session.last_used_at, now),
        own,
    )
