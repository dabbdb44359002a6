"""One attempt to send a message to a target: its secrets are opened, its channel sends, the outcome is the store's."""

import json
import logging
from datetime import datetime, timedelta
from typing import Any

from heartbeat.domain.ids import new_id
from heartbeat.domain.text import storable_text
from heartbeat.notifications.channels.message import Gone, Message, NotNow, Rejected, Unconfirmed
from heartbeat.secrets.keyring import CannotOpen, Keyring, NoKey, config_row
from heartbeat.settings import Settings
from heartbeat.store.notifications.outbox import DeliveryOutcome
from heartbeat.store.runs import approvals, ratings
from heartbeat.store.tables.notifications import Target
from heartbeat.tool_servers.links import connect_url

MAX_ERROR_LENGTH = 500
log = logging.getLogger(__name__)


async def deliver(
    target: Target, message: Message, keyring: Keyring, settings: Settings, lost_attempts: int = 0
) -> DeliveryOutcome:
    """Send once. A failure is in the outcome; nothing is raised.

    `lost_attempts` may have arrived. A person would rather read a message twice than never, but not any number of
    times: where a repetition is shown again, one is made and no more.
    """
    from heartbeat.notifications.channels.registry import knows_repetitions, send

    is_repeatable = knows_repetitions(target.channel)
    if lost_attempts > 1 and not is_repeatable:
        return DeliveryOutcome(_twice_lost(lost_attempts), final=True)
    try:
        secrets = open_config(keyring, target)
        news = await send(target.channel, target.config, secrets, message, settings)
    except Gone as problem:
        return DeliveryOutcome(_error(problem), gone=True)
    except Rejected as problem:
        return DeliveryOutcome(_error(problem), final=True)
    except Unconfirmed as problem:
        if lost_attempts and not is_repeatable:
            words = f"{_error(problem).rstrip('.')}. {_twice_lost(lost_attempts + 1)}"
            return DeliveryOutcome(words, final=True, unconfirmed=True)
        wait = timedelta(seconds=problem.retry_after or 0)
        return DeliveryOutcome(_error(problem), retry_after=wait, unconfirmed=True)
    except NotNow as problem:
        return DeliveryOutcome(_error(problem), retry_after=timedelta(seconds=problem.retry_after or 0))
    except CannotOpen as problem:
        log.error("%s", problem)
        return DeliveryOutcome("The target's secrets cannot be opened here; the operator's log says why.")
    except Exception as problem:
        log.exception("the channel %s", target.channel)
        return DeliveryOutcome(
            f"The channel failed in a way of its own ({type(problem).__name__}); the operator's log has it."
        )
    return DeliveryOutcome(config_changes={name: (target.config.get(name), value) for name, value in news.items()})


async def send_test_message(
    target: Target, keyring: Keyring, settings: Settings, origin: str, now: datetime
) -> DeliveryOutcome:
    """Send a message that says where it comes from. It is no notification, and a disabled target stays so."""
    body = f"If you read this, messages arrive here. It was sent {origin}."
    message = Message(new_id("ntf"), "test", "low", "A test message", body, None, "Heartbeat", "", now)
    return await deliver(target, message, keyring, settings)


def approval_link(keyring: Keyring, settings: Settings, approval_uuid: str) -> str | None:
    """Make the link where a person decides; `None` without an address that people can open or a key to seal with."""
    return _sealed_link(keyring, settings, f"/approvals/{approval_uuid}", approvals.sealed_as(approval_uuid))


def rating_link(keyring: Keyring, settings: Settings, run_uuid: str) -> str | None:
    """Make the link where a person rates a run; `None` as with `approval_link`."""
    return _sealed_link(keyring, settings, f"/ratings/{run_uuid}", ratings.sealed_as(run_uuid))


def page_link(settings: Settings, path: str) -> str | None:
    """Make the link to a page of the dashboard; `None` without an address that people can open."""
    return None if settings.public_url is None else f"{settings.public_url.rstrip('/')}{path}"


def sign_in_link(settings: Settings, now: datetime, tool_uuid: str, member_id: int | None) -> str | None:
    """Make the link to the page where somebody signs in to a tool; `None` without such an address or a key."""
    try:
        return None if settings.public_url is None else connect_url(settings, tool_uuid, member_id, now)
    except NoKey:
        return None


def seal_config(keyring: Keyring, target_uuid: str, secrets: dict[str, Any]) -> str | None:
    """Seal the secrets of a target for its row; `None` if it has none. Raises `NoKey`."""
    return keyring.seal(json.dumps(secrets), config_row(target_uuid)) if secrets else None


def open_config(keyring: Keyring, target: Target) -> dict[str, Any]:
    """Open the secrets of a target. Raises `CannotOpen`."""
    if target.sealed_config is None:
        return {}
    secrets: dict[str, Any] = json.loads(keyring.open(target.sealed_config, config_row(target.uuid)))
    return secrets


def _sealed_link(keyring: Keyring, settings: Settings, path: str, sealed_as: str) -> str | None:
    if settings.public_url is None:
        return None
    try:
        return f"{settings.public_url.rstrip('/')}{path}?token={keyring.seal('', sealed_as)}"
    except NoKey:
        return None


def _twice_lost(lost_attempts: int) -> str:
    return f"Of {lost_attempts} attempts nobody knows whether they arrived; another might be one more."


def _error(problem: Exception) -> str:
    # A receiver's own words may be in it.
    return storable_text(str(problem))[:MAX_ERROR_LENGTH] or type(problem).__name__
