"""Deliver: one attempt to get a notification to its target, written down with what came of it."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from temporalio import activity

from activities.heartbeating import heartbeating
from activities.runs import utc_now
from heartbeat.domain.contracts import DeliveryResult
from heartbeat.domain.errors import Unavailable
from heartbeat.secrets.keyring import Keyring
from heartbeat.settings import Settings
from heartbeat.store.database import Database
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

    def __init__(self, database: Database, settings: Settings, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._settings = settings
        self._now = now
        self._keyring = Keyring.from_settings(settings)

    @activity.defn
    async def deliver(self, notification: str) -> DeliveryResult:
        """Send it if it may be sent now. Whatever attempt this is, its message has the same id."""
        begun = await self._database.write(begin_delivery, notification, self._now())
        if isinstance(begun, DeliveryState):
            return self._answer(begun)
        async with heartbeating():
            outcome = await self._send(begun)
            if outcome.error is not None:
                log.warning("notification %s did not reach %s: %s", notification, begun.target.uuid, outcome.error)
            return self._answer(await self._finish(notification, outcome))

    async def _finish(self, notification: str, outcome: DeliveryOutcome) -> DeliveryState:
        """The message is sent, so a store that is away is waited for: failing would send it again."""
        while True:
            try:
                return await self._database.write(finish_delivery, notification, outcome, self._now())
            except Unavailable:
                await asyncio.sleep(1)

    async def _send(self, sending: OutgoingMessage) -> DeliveryOutcome:
        # Loaded at the first message: an idle worker stays small.
        from heartbeat.notifications.delivery import approval_link, deliver
        from heartbeat.notifications.rendering import message_of

        message = message_of(sending, partial(approval_link, self._keyring, self._settings))
        lost = sending.parts[0].notification.lost_attempts
        return await deliver(sending.target, message, self._keyring, self._settings, lost)

    def _answer(self, standing: DeliveryState) -> DeliveryResult:
        if standing.again_at is None:
            return DeliveryResult(standing.status)
        return DeliveryResult(standing.status, max(0.1, (standing.again_at - self._now()).total_seconds()))
