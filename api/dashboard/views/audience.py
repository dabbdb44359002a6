"""What pages show of subscribers and of memories: rows in, words out."""

from dataclasses import dataclass
from datetime import UTC, datetime

from api.dashboard.views.formats import Moment, moment
from heartbeat.store.overview.audience import ListedMemory, ListedSubscriber
from heartbeat.store.tables.bots import Subscriber


@dataclass(frozen=True)
class SubscriberView:
    """A subscriber in a list."""

    uuid: str
    name: str
    email: str | None
    bot_uuid: str
    bot: str
    heartbeats: int
    since: Moment


@dataclass(frozen=True)
class MemoryView:
    """A memory in a list; `member` is the name of whom it is about."""

    uuid: str
    text: str
    bot_uuid: str
    bot: str
    member_uuid: str | None
    member: str | None
    run: str | None
    since: Moment


def subscriber_view(listed: ListedSubscriber, now: datetime) -> SubscriberView:
    """Show a subscriber; one without a name goes by its address."""
    member, bot = listed.subscriber, listed.bot
    return SubscriberView(
        uuid=member.uuid,
        name=subscriber_name(member),
        email=member.email if member.name else None,
        bot_uuid=bot.uuid,
        bot=bot.name,
        heartbeats=listed.heartbeats,
        since=moment(member.subscribed_at, UTC, now),
    )


def subscriber_name(member: Subscriber) -> str:
    return member.name or member.email or member.uuid


def memory_view(listed: ListedMemory, now: datetime) -> MemoryView:
    """Show a memory with where it came from."""
    memory, member = listed.memory, listed.member
    return MemoryView(
        uuid=memory.uuid,
        text=memory.text,
        bot_uuid=listed.bot.uuid,
        bot=listed.bot.name,
        member_uuid=member.uuid if member else None,
        member=subscriber_name(member) if member else None,
        run=listed.run_uuid,
        since=moment(memory.created_at, UTC, now),
    )
