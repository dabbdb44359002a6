"""One event in words, and how a heartbeat is called there."""

from typing import NamedTuple

from heartbeat.notifications.channels.message import Priority
from heartbeat.store.notifications.outbox import MessagePart


class Rendered(NamedTuple):
    """One event in words."""

    title: str
    body: str
    priority: Priority
    link: str | None = None


def heartbeat_name(part: MessagePart) -> str:
    """What people call the heartbeat: its label, else its bot's name."""
    return part.heartbeat.label or part.bot.name
