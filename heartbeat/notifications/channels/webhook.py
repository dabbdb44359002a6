"""A program of the owner's, called with a signed request after the Standard Webhooks specification."""

import base64
import binascii
import json
import os
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, SecretStr
from standardwebhooks import Webhook

from heartbeat.domain.clock import Clock, utc_now
from heartbeat.notifications.channels.channel import Channel, ChannelConfig
from heartbeat.notifications.channels.fields import WebAddress
from heartbeat.notifications.channels.message import Message
from heartbeat.notifications.channels.post import post
from heartbeat.settings import Settings

PREFIX = "whsec_"
# What the specification asks of a secret.
MIN_BYTES, MAX_BYTES = 24, 64


def new_secret() -> str:
    """Make a secret to sign with, in the form that the specification's libraries take."""
    return PREFIX + base64.b64encode(os.urandom(32)).decode()


def _usable(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(PREFIX) or not MIN_BYTES <= len(key) <= MAX_BYTES:
        raise ValueError(
            f"must be {PREFIX} and the base64 of {MIN_BYTES} to {MAX_BYTES} random bytes; without it, one is made"
        )
    return secret


class Config(ChannelConfig):
    url: WebAddress
    secret: Annotated[SecretStr, AfterValidator(_usable)]


class WebhookChannel(Channel[Config]):
    config = Config
    # By the message's id, which is the `webhook-id`.
    knows_repetitions = True

    def __init__(self, now: Clock = utc_now) -> None:
        self._now = now

    async def send(self, config: Config, message: Message, settings: Settings) -> None:
        """`webhook-id` is the message's at every attempt, the timestamp is the attempt's."""
        now = self._now()
        body = _body(message)
        signature = Webhook(config.secret.get_secret_value()).sign(message.uuid, now, body)
        headers = {
            "webhook-id": message.uuid,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
        await post(config.url, body.encode(), settings, headers)

    def new_secrets(self) -> Mapping[str, str]:
        """The secret to sign with."""
        return {"secret": new_secret()}


def _body(message: Message) -> str:
    data = {
        "id": message.uuid,
        "priority": message.priority,
        "title": message.title,
        "message": message.body,
        "link": message.link,
        "rating_link": message.rating_link,
        "bot": message.bot,
        "heartbeat": message.heartbeat,
        "details": dict(message.data),
    }
    return json.dumps({"type": message.kind, "timestamp": message.at.isoformat(), "data": data}, ensure_ascii=False)
