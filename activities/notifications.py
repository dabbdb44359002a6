"""Deliver: one attempt to get a notification to its target, written down with its outcome."""

import logging
from functools import partial

from temporalio import activity

from activities.durable_database import write_durably
from activities.heartbeating import heartbeating
from heartbeat.domain.clock import Clock, utc_now
from heartbeat.domain.contracts import DeliveryResult
from heartbeat.secrets.keyring import Keyring
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.notifications.outbox import (
    DeliveryOutcome,
    DeliveryState,
    OutgoingMessage,
    begin_delivery,
    finish_delivery,
)

log = logging.getLogger(__name__)


class NotificationActivities:
    """Sends what the outbox holds."""

    def __init__(self, database: Database, settings: Settings, now: Clock = utc_now) -> None:
        self._database = database
        self._settings = settings
        self._now = now
        self._keyring = Keyring.from_settings(settings)

    @activity.defn
    async def deliver(self, notification_uuid: str) -> DeliveryResult:
        """Send it if it may be sent now. In every attempt its message has the same id."""
        async with heartbeating():
            outgoing = await self._database.write(begin_delivery, notification_uuid, self._now())
            if isinstance(outgoing, DeliveryState):
                return self._result(outgoing)
            outcome = await self._send(outgoing)
            if outcome.error is not None:
                target_uuid = outgoing.target.uuid
                log.warning("notification %s did not reach %s: %s", notification_uuid, target_uuid, outcome.error)
            finished = write_durably(self._database, finish_delivery, notification_uuid, outcome, self._now())
            return self._result(await finished)

    async def _send(self, outgoing: OutgoingMessage) -> DeliveryOutcome:
        # Loaded at the first message: an idle worker stays small.
        from heartbeat.notifications.delivery import approval_link, deliver, page_link, rating_link, sign_in_link
        from heartbeat.notifications.rendering import render_message

        approval = partial(approval_link, self._keyring, self._settings)
        sign_in = partial(sign_in_link, self._settings, self._now())
        rating = partial(rating_link, self._keyring, self._settings)
        page, price = partial(page_link, self._settings), self._settings.price
        message = render_message(outgoing, approval, page, sign_in, rating, price)
        lost_attempts = outgoing.parts[0].notification.lost_attempts
        return await deliver(outgoing.target, message, self._keyring, self._settings, lost_attempts)

    def _result(self, state: DeliveryState) -> DeliveryResult:
        if state.next_attempt_at is None:
            return DeliveryResult(state.status)
        return DeliveryResult(state.status, max(0.1, (state.next_attempt_at - self._now()).total_seconds()))
