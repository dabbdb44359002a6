"""The outbox: each message for one target, from the event that caused it to its delivery.

Deliveries to one target begin one after the other, under its lock. What may not be sent yet is held; what is sent
takes along, as one summary, whatever was held or has piled up behind it. That an attempt begins is written down before
it, so one that is found begun had a worker that died: it may have arrived, and is made again with the same content.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from heartbeat.store.notifications.events import APPROVAL
from heartbeat.store.rows import all_joined, columns, first, joined
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Notification, Target

NOTIFICATION, TARGET, EVENT = columns(Notification), columns(Target), columns(Event)
BOT, HEARTBEAT = columns(Bot), columns(Heartbeat)

# Ten attempts over a little more than three days.
RETRY_DELAYS = (
    *(timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30)),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
# More than these at once for one target are told in one message.
MAX_SEPARATE = 5
# A summary names this many; of the others it says how many there are.
MAX_PARTS = 50
OVERDUE_AFTER = timedelta(seconds=60)


@dataclass(frozen=True)
class MessagePart:
    """An event that a message tells of, and whose it is."""

    notification: Notification
    event: Event
    heartbeat: Heartbeat
    bot: Bot


@dataclass(frozen=True)
class OutgoingMessage:
    """What to send now: `parts` of one message, the first giving it its id. `total` counts those not listed, too."""

    target: Target
    parts: list[MessagePart]
    total: int


@dataclass(frozen=True)
class DeliveryState:
    """Where a notification stands; `again_at` is when to see to it again, `None` when it needs nothing any more."""

    status: str
    again_at: datetime | None = None


@dataclass(frozen=True)
class DeliveryOutcome:
    """What an attempt came to. `final`: no further one can help; `gone`: nor will any other message get there."""

    error: str | None = None
    final: bool = False
    gone: bool = False
    retry_after: timedelta = timedelta()


def begin_delivery(connection: Connection, uuid: str, now: datetime) -> OutgoingMessage | DeliveryState:
    """Set out to send a notification, unless it is not to be sent now, or not by itself."""
    target, notification = _locked(connection, uuid)
    if notification.next_attempt_at is None:
        return DeliveryState(notification.status)
    if not target.is_enabled or target.deleted_at is not None:
        why = target.disabled_reason or "The target was disabled or deleted."
        return _settled(connection, notification, DeliveryOutcome(why, final=True), now)
    is_lost = notification.begun_at is not None
    if not is_lost and notification.next_attempt_at > now:
        return DeliveryState(notification.status, notification.next_attempt_at)
    if is_lost:
        why = _note_lost(connection, notification)
        if notification.attempts > len(RETRY_DELAYS):
            return _settled(connection, notification, DeliveryOutcome(why, final=True), now)
    urgent = _kind(connection, notification) == APPROVAL
    if not urgent and not notification.attempts:
        if target.quiet_until is not None and target.quiet_until > now:
            held = {"status": "held", "next_attempt_at": target.quiet_until}
            _write(connection, NOTIFICATION.c.id == notification.id, held)
            return DeliveryState("held", target.quiet_until)
        # Not later: who has had the first attempt after all would take more under the same id for a repetition.
        _gather(connection, notification)
    begun = {"status": "pending", "attempts": NOTIFICATION.c.attempts + 1, "begun_at": now}
    _write(connection, NOTIFICATION.c.id == notification.id, begun)
    if target.cooldown_seconds and not urgent:
        _be_quiet(connection, target, now)
    return _sending(connection, target, notification)


def finish_delivery(connection: Connection, uuid: str, outcome: DeliveryOutcome, now: datetime) -> DeliveryState:
    """Write down what an attempt came to, for the notification and all that its message told of."""
    target, notification = _locked(connection, uuid)
    if notification.next_attempt_at is None:
        return DeliveryState(notification.status)
    if outcome.error is None:
        if target.cooldown_seconds:
            _be_quiet(connection, target, now)
        return _settled(connection, notification, outcome, now)
    if outcome.gone:
        closed = {"is_enabled": False, "disabled_reason": outcome.error, "updated_at": now}
        connection.execute(update(TARGET).where(TARGET.c.id == target.id).values(closed))
    if outcome.final or outcome.gone or notification.attempts > len(RETRY_DELAYS):
        return _settled(connection, notification, outcome, now)
    again_at = now + max(RETRY_DELAYS[notification.attempts - 1], outcome.retry_after)
    _write(connection, _told_by(notification), {"last_error": outcome.error})
    later = {"next_attempt_at": again_at, "begun_at": None}
    _write(connection, NOTIFICATION.c.id == notification.id, later)
    return DeliveryState("pending", again_at)


def overdue_notifications(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Notifications that should be on their way and whose workflow may never have been started, or be gone."""
    overdue = select(NOTIFICATION.c.uuid).where(NOTIFICATION.c.next_attempt_at < now - OVERDUE_AFTER)
    return list(connection.execute(overdue.order_by(NOTIFICATION.c.next_attempt_at).limit(limit)).scalars())


def unsent_notifications(connection: Connection, run_id: int) -> tuple[str, ...]:
    """Notifications of a run's events that nobody has set out to deliver yet."""
    of_run = NOTIFICATION.join(EVENT, EVENT.c.id == NOTIFICATION.c.event_id)
    fresh = (
        select(NOTIFICATION.c.uuid).select_from(of_run).where(EVENT.c.run_id == run_id, NOTIFICATION.c.attempts == 0)
    )
    return tuple(connection.execute(fresh.where(NOTIFICATION.c.next_attempt_at.is_not(None))).scalars())


def _locked(connection: Connection, uuid: str) -> tuple[Target, Notification]:
    """The target first: what was read before its lock was had may have changed since."""
    mine = select(NOTIFICATION.c.target_id).where(NOTIFICATION.c.uuid == uuid).scalar_subquery()
    # NO KEY: events go on adding notifications meanwhile.
    target = first(connection, Target, select(TARGET).where(TARGET.c.id == mine).with_for_update(key_share=True))
    notification = first(connection, Notification, select(NOTIFICATION).where(NOTIFICATION.c.uuid == uuid))
    assert target is not None, f"there is no notification {uuid}"
    assert notification is not None
    return target, notification


def _kind(connection: Connection, notification: Notification) -> str:
    kind: str = connection.execute(select(EVENT.c.kind).where(EVENT.c.id == notification.event_id)).scalar_one()
    return kind


def _note_lost(connection: Connection, notification: Notification) -> str:
    words = f"Of attempt {notification.attempts} nobody knows whether it arrived: its worker died over it."
    _write(connection, NOTIFICATION.c.id == notification.id, {"lost_attempts": NOTIFICATION.c.lost_attempts + 1})
    _write(connection, _told_by(notification), {"last_error": words})
    return words


def _gather(connection: Connection, notification: Notification) -> None:
    """Take along what was held for a summary, or what has piled up; an approval's links go in no summary."""
    kind = select(EVENT.c.kind).where(EVENT.c.id == NOTIFICATION.c.event_id).scalar_subquery()
    waiting = and_(
        NOTIFICATION.c.target_id == notification.target_id,
        NOTIFICATION.c.next_attempt_at.is_not(None),
        NOTIFICATION.c.id != notification.id,
        NOTIFICATION.c.begun_at.is_(None),
        kind != APPROVAL,
    )
    others = connection.execute(select(NOTIFICATION.c.id, NOTIFICATION.c.status).where(waiting)).all()
    was_held = notification.status == "held" or any(row.status == "held" for row in others)
    if not others or not (was_held or len(others) >= MAX_SEPARATE):
        return
    ids = [row.id for row in others]
    told = {"summary_id": notification.id, "status": "held", "next_attempt_at": None}
    _write(connection, or_(NOTIFICATION.c.id.in_(ids), NOTIFICATION.c.summary_id.in_(ids)), told)


def _sending(connection: Connection, target: Target, notification: Notification) -> OutgoingMessage:
    parts = (
        select(NOTIFICATION, EVENT, HEARTBEAT, BOT)
        .join(EVENT, EVENT.c.id == NOTIFICATION.c.event_id)
        .join(HEARTBEAT, HEARTBEAT.c.id == EVENT.c.heartbeat_id)
        .join(BOT, BOT.c.id == EVENT.c.bot_id)
    )
    tables = (Notification, Event, Heartbeat, Bot)
    own = joined(connection, tables, parts.where(NOTIFICATION.c.id == notification.id), {})
    mine = NOTIFICATION.c.summary_id == notification.id
    others = all_joined(connection, tables, parts.where(mine).order_by(NOTIFICATION.c.id).limit(MAX_PARTS), {})
    count = connection.execute(select(func.count()).select_from(NOTIFICATION).where(mine)).scalar_one()
    assert own is not None
    return OutgoingMessage(target, [MessagePart(*own), *(MessagePart(*row) for row in others)], 1 + count)


def _settled(
    connection: Connection, notification: Notification, outcome: DeliveryOutcome, now: datetime
) -> DeliveryState:
    status = "delivered" if outcome.error is None else "failed"
    delivered_at = now if outcome.error is None else None
    settled = {"status": status, "last_error": outcome.error, "delivered_at": delivered_at}
    _write(connection, _told_by(notification), {**settled, "next_attempt_at": None, "begun_at": None})
    return DeliveryState(status)


def _told_by(notification: Notification) -> ColumnElement[bool]:
    return or_(NOTIFICATION.c.id == notification.id, NOTIFICATION.c.summary_id == notification.id)


def _write(connection: Connection, which: ColumnElement[bool], values: Mapping[str, object]) -> None:
    connection.execute(update(NOTIFICATION).where(which).values(values))


def _be_quiet(connection: Connection, target: Target, now: datetime) -> None:
    until = now + timedelta(seconds=target.cooldown_seconds)
    connection.execute(update(TARGET).where(TARGET.c.id == target.id).values(quiet_until=until))
