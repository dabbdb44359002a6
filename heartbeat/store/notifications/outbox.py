"""The outbox: each message for one target, from the event that caused it to its delivery.

Deliveries to one target begin one after the other, under its lock. What may not be sent yet is held; the next message
that is sent takes along, as one summary, what was held or has piled up behind it. The start of an attempt is written
before it is made. An attempt that is found started had a worker that died: like one whose receiver fell silent, it may
have arrived, and is made again with the same content.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from heartbeat.store.database.rows import all_joined, columns, first, joined
from heartbeat.store.notifications.events import APPROVAL, BUDGET_THRESHOLD, SIGN_IN_NEEDED
from heartbeat.store.notifications.targets import ConfigChanges, change_target_config
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
# They are neither held nor in a summary: each has a link of its own, and somebody waits for what it leads to.
WITH_LINKS = (APPROVAL, SIGN_IN_NEEDED)
STARTED_HERE = (SIGN_IN_NEEDED, BUDGET_THRESHOLD)


@dataclass(frozen=True)
class MessagePart:
    """An event that a message tells of, with its heartbeat and its bot."""

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
    """The state of a notification; `next_attempt_at` is `None` when nothing is left to do for it."""

    status: str
    next_attempt_at: datetime | None = None


@dataclass(frozen=True)
class DeliveryOutcome:
    """The outcome of an attempt. `final`: no further one can help; `gone`: nor will any other message get there.

    `unconfirmed`: it failed, and may have arrived all the same. `config_changes` are those that the receiver told of.
    """

    error: str | None = None
    final: bool = False
    gone: bool = False
    unconfirmed: bool = False
    retry_after: timedelta = timedelta()
    config_changes: ConfigChanges = field(default_factory=dict)


def begin_delivery(connection: Connection, uuid: str, now: datetime) -> OutgoingMessage | DeliveryState:
    """Start an attempt to send a notification, unless it is not to be sent now, or not by itself."""
    target, notification = _lock(connection, uuid)
    if notification.next_attempt_at is None:
        return DeliveryState(notification.status)
    if not target.is_enabled or target.deleted_at is not None:
        reason = target.disabled_reason or "The target was disabled or deleted."
        return _settle(connection, notification, DeliveryOutcome(reason, final=True), now)
    if notification.begun_at is not None:
        error = _record_lost_attempt(connection, notification)
        if notification.attempts > len(RETRY_DELAYS):
            return _settle(connection, notification, DeliveryOutcome(error, final=True), now)
    elif notification.next_attempt_at > now:
        return DeliveryState(notification.status, notification.next_attempt_at)
    is_urgent = _kind(connection, notification) in WITH_LINKS
    if not is_urgent and not notification.attempts:
        if target.quiet_until is not None and target.quiet_until > now:
            return _hold(connection, notification, target.quiet_until)
        # Only before the first attempt: if one arrived after all, more under the same id would pass for a repetition.
        _gather(connection, notification)
    attempt = {"status": "pending", "attempts": NOTIFICATION.c.attempts + 1, "begun_at": now}
    _write(connection, NOTIFICATION.c.id == notification.id, attempt)
    if target.cooldown_seconds and not is_urgent:
        _start_cooldown(connection, target, now)
    return _outgoing(connection, target, notification)


def finish_delivery(connection: Connection, uuid: str, outcome: DeliveryOutcome, now: datetime) -> DeliveryState:
    """Write the outcome of an attempt, for the notification and for all that its message told of."""
    target, notification = _lock(connection, uuid)
    if notification.next_attempt_at is None:
        return DeliveryState(notification.status)
    if outcome.error is None:
        change_target_config(connection, target, outcome.config_changes, now)
        if target.cooldown_seconds:
            _start_cooldown(connection, target, now)
        return _settle(connection, notification, outcome, now)
    # Not of an outcome that is written a second time.
    if outcome.unconfirmed and notification.begun_at is not None:
        _count_lost_attempt(connection, notification)
    if outcome.gone:
        disabled = {"is_enabled": False, "disabled_reason": outcome.error, "updated_at": now}
        connection.execute(update(TARGET).where(TARGET.c.id == target.id).values(disabled))
    if outcome.final or outcome.gone or notification.attempts > len(RETRY_DELAYS):
        return _settle(connection, notification, outcome, now)
    next_attempt_at = now + max(RETRY_DELAYS[notification.attempts - 1], outcome.retry_after)
    _write(connection, _in_message_of(notification), {"last_error": outcome.error})
    retry = {"next_attempt_at": next_attempt_at, "begun_at": None}
    _write(connection, NOTIFICATION.c.id == notification.id, retry)
    return DeliveryState("pending", next_attempt_at)


def overdue_notifications(connection: Connection, now: datetime, limit: int) -> list[str]:
    """List notifications that are due and whose workflow may never have been started, or be gone.

    Those of a sign-in that is needed and of a budget are started by nobody else.
    """
    kind = select(EVENT.c.kind).where(EVENT.c.id == NOTIFICATION.c.event_id).scalar_subquery()
    is_new = (NOTIFICATION.c.attempts == 0) & kind.in_(STARTED_HERE)
    is_late = NOTIFICATION.c.next_attempt_at < now - OVERDUE_AFTER
    overdue = select(NOTIFICATION.c.uuid).where(NOTIFICATION.c.next_attempt_at <= now, or_(is_late, is_new))
    return list(connection.execute(overdue.order_by(NOTIFICATION.c.next_attempt_at).limit(limit)).scalars())


def unsent_notifications(connection: Connection, run_id: int) -> tuple[str, ...]:
    """List notifications of a run's events that no attempt was made to deliver yet."""
    with_events = NOTIFICATION.join(EVENT, EVENT.c.id == NOTIFICATION.c.event_id)
    unsent = (EVENT.c.run_id == run_id, NOTIFICATION.c.attempts == 0, NOTIFICATION.c.next_attempt_at.is_not(None))
    return tuple(connection.execute(select(NOTIFICATION.c.uuid).select_from(with_events).where(*unsent)).scalars())


def _lock(connection: Connection, uuid: str) -> tuple[Target, Notification]:
    """Lock the target first: what was read before it was locked may have changed since."""
    target_id = select(NOTIFICATION.c.target_id).where(NOTIFICATION.c.uuid == uuid).scalar_subquery()
    # NO KEY: events go on adding notifications meanwhile.
    target = first(connection, Target, select(TARGET).where(TARGET.c.id == target_id).with_for_update(key_share=True))
    notification = first(connection, Notification, select(NOTIFICATION).where(NOTIFICATION.c.uuid == uuid))
    assert target is not None, f"there is no notification {uuid}"
    assert notification is not None
    return target, notification


def _kind(connection: Connection, notification: Notification) -> str:
    kind: str = connection.execute(select(EVENT.c.kind).where(EVENT.c.id == notification.event_id)).scalar_one()
    return kind


def _hold(connection: Connection, notification: Notification, until: datetime) -> DeliveryState:
    _write(connection, NOTIFICATION.c.id == notification.id, {"status": "held", "next_attempt_at": until})
    return DeliveryState("held", until)


def _record_lost_attempt(connection: Connection, notification: Notification) -> str:
    error = f"Of attempt {notification.attempts} nobody knows whether it arrived: its worker died over it."
    _count_lost_attempt(connection, notification)
    _write(connection, _in_message_of(notification), {"last_error": error})
    return error


def _count_lost_attempt(connection: Connection, notification: Notification) -> None:
    _write(connection, NOTIFICATION.c.id == notification.id, {"lost_attempts": NOTIFICATION.c.lost_attempts + 1})


def _gather(connection: Connection, notification: Notification) -> None:
    """Take along what was held for a summary, or what has piled up; what has a link of its own goes in no summary."""
    kind = select(EVENT.c.kind).where(EVENT.c.id == NOTIFICATION.c.event_id).scalar_subquery()
    waiting = and_(
        NOTIFICATION.c.target_id == notification.target_id,
        NOTIFICATION.c.next_attempt_at.is_not(None),
        NOTIFICATION.c.id != notification.id,
        NOTIFICATION.c.begun_at.is_(None),
        # What may have arrived is sent again under its own id, by which its receiver knows it.
        NOTIFICATION.c.lost_attempts == 0,
        kind.not_in(WITH_LINKS),
    )
    others = connection.execute(select(NOTIFICATION.c.id, NOTIFICATION.c.status).where(waiting)).all()
    was_held = notification.status == "held" or any(row.status == "held" for row in others)
    if not others or not (was_held or len(others) >= MAX_SEPARATE):
        return
    ids = [row.id for row in others]
    in_summary = {"summary_id": notification.id, "status": "held", "next_attempt_at": None}
    _write(connection, or_(NOTIFICATION.c.id.in_(ids), NOTIFICATION.c.summary_id.in_(ids)), in_summary)


def _outgoing(connection: Connection, target: Target, notification: Notification) -> OutgoingMessage:
    parts = (
        select(NOTIFICATION, EVENT, HEARTBEAT, BOT)
        .join(EVENT, EVENT.c.id == NOTIFICATION.c.event_id)
        .join(HEARTBEAT, HEARTBEAT.c.id == EVENT.c.heartbeat_id)
        .join(BOT, BOT.c.id == EVENT.c.bot_id)
    )
    tables = (Notification, Event, Heartbeat, Bot)
    own = joined(connection, tables, parts.where(NOTIFICATION.c.id == notification.id), {})
    in_summary = NOTIFICATION.c.summary_id == notification.id
    others = all_joined(connection, tables, parts.where(in_summary).order_by(NOTIFICATION.c.id).limit(MAX_PARTS), {})
    count = connection.execute(select(func.count()).select_from(NOTIFICATION).where(in_summary)).scalar_one()
    assert own is not None
    return OutgoingMessage(target, [MessagePart(*own), *(MessagePart(*row) for row in others)], 1 + count)


def _settle(
    connection: Connection, notification: Notification, outcome: DeliveryOutcome, now: datetime
) -> DeliveryState:
    status = "delivered" if outcome.error is None else "failed"
    delivered_at = now if outcome.error is None else None
    values = {"status": status, "last_error": outcome.error, "delivered_at": delivered_at}
    _write(connection, _in_message_of(notification), {**values, "next_attempt_at": None, "begun_at": None})
    return DeliveryState(status)


def _in_message_of(notification: Notification) -> ColumnElement[bool]:
    return or_(NOTIFICATION.c.id == notification.id, NOTIFICATION.c.summary_id == notification.id)


def _write(connection: Connection, which: ColumnElement[bool], values: Mapping[str, object]) -> None:
    connection.execute(update(NOTIFICATION).where(which).values(values))


def _start_cooldown(connection: Connection, target: Target, now: datetime) -> None:
    quiet_until = now + timedelta(seconds=target.cooldown_seconds)
    connection.execute(update(TARGET).where(TARGET.c.id == target.id).values(quiet_until=quiet_until))
