"""Links to the page on which somebody signs in to a tool server, for people without a session.

A link is its own key.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from heartbeat.domain.errors import Forbidden
from heartbeat.secrets.keyring import CannotOpen, Keyring
from heartbeat.settings import Settings

PAGE = "/oauth/connect"
LASTS = timedelta(days=7)
SEALED_AS = "tool_connect_link"
WRONG = "This link is not whole, or older than seven days; ask for another."


@dataclass(frozen=True)
class ConnectLink:
    """What a link is for: a tool, and the member of its bot who is to sign in, if each does."""

    tool_uuid: str
    member_id: int | None
    made_at: datetime


def public_url(settings: Settings) -> str:
    """Where browsers reach us, without a slash at its end."""
    return (settings.public_url or settings.api_url()).rstrip("/")


def connect_url(settings: Settings, tool_uuid: str, member_id: int | None, now: datetime) -> str:
    """Build a link that is good for seven days, or until somebody signed in. Raises `NoKey`."""
    sealed = Keyring.from_settings(settings).seal(json.dumps([tool_uuid, member_id, now.isoformat()]), SEALED_AS)
    return f"{public_url(settings)}{PAGE}?link={quote(sealed)}"


def read_link(settings: Settings, link: str, now: datetime) -> ConnectLink:
    """Read a link of ours. Raises `Forbidden` for any other, and for one that is too old."""
    try:
        tool_uuid, member_id, made_at = json.loads(Keyring.from_settings(settings).open(link, SEALED_AS))
    except CannotOpen:
        raise Forbidden("wrong_link", WRONG) from None
    if datetime.fromisoformat(made_at) + LASTS <= now:
        raise Forbidden("wrong_link", WRONG)
    return ConnectLink(tool_uuid, member_id, datetime.fromisoformat(made_at))
