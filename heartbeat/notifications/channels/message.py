"""What a channel is handed, and the three ways in which handing it on can fail."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Priority = Literal["low", "normal", "urgent"]


@dataclass(frozen=True)
class Message:
    """One message to one target. `uuid` is the same at every attempt, so that a receiver can tell a repetition.

    `title` and `body` are plain text, `bot` and `heartbeat` names for people; `data` goes to programs alone.
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

    @property
    def origin(self) -> str:
        """Whose message it is, and when it came to be."""
        names = [name for name in (self.bot, self.heartbeat) if name]
        return " · ".join([*names, f"{self.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"])


class Undelivered(Exception):
    """The message did not arrive. `str()` says why, to the owner of the target, and holds no secret."""


class Rejected(Undelivered):
    """It will not arrive at another attempt either: the receiver refuses it, or the target is set up wrongly."""


class Gone(Undelivered):
    """The receiver asks never to be spoken to again (410); the target is to be switched off."""


class NotNow(Undelivered):
    """It may arrive later; not before `retry_after` seconds, where the receiver named a time."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
