"""The message that a channel gets, and the ways in which sending it can fail."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Priority = Literal["low", "normal", "urgent"]
RATE = "Was it useful?"


@dataclass(frozen=True)
class Message:
    """One message to one target. `uuid` is the same at every attempt, so that a receiver can tell a repetition.

    `title` and `body` are plain text, `bot` and `heartbeat` names for people; `data` goes to programs alone. Behind
    `rating_link` somebody says whether the run that it tells of was any good.
    """

    uuid: str
    kind: str
    priority: Priority
    title: str
    body: str
    link: str | None
    bot: str
    heartbeat: str
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)
    rating_link: str | None = None

    @property
    def links(self) -> list[tuple[str, str]]:
        """What to call each link, and its address."""
        links = (("Open", self.link), (RATE, self.rating_link))
        return [(label, address) for label, address in links if address]

    @property
    def spelled_links(self) -> list[str]:
        """The links in the open, each for a line of its own."""
        return [f"{label} {address}" if label == RATE else address for label, address in self.links]

    @property
    def origin(self) -> str:
        """The names of the bot and the heartbeat, and when the event happened."""
        names = [name for name in (self.bot, self.heartbeat) if name]
        return " · ".join([*names, f"{self.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"])


class Undelivered(Exception):
    """The message did not arrive. `str()` says why in words for the target's owner, and holds no secret."""


class Rejected(Undelivered):
    """It will not arrive at another attempt either: the receiver refuses it, or the target is set up wrongly.

    `response` is the body of the receiver's response, for the channel alone.
    """

    def __init__(self, message: str, response: str = "") -> None:
        super().__init__(message)
        self.response = response


class Gone(Undelivered):
    """The receiver asks for no more requests (410); the target is to be switched off."""


class NotNow(Undelivered):
    """It may arrive later: after `retry_after` seconds, if the receiver named a time."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unconfirmed(NotNow):
    """It may have arrived: the receiver had all of it, and nobody said whether it was taken."""
