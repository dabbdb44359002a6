"""ntfy: a push to the phones that follow a topic, at ntfy.sh or a server of one's own."""

from typing import Annotated, Any

from pydantic import SecretStr

from heartbeat.notifications.channels.channel import Channel, ChannelConfig
from heartbeat.notifications.channels.fields import WebAddress, matching
from heartbeat.notifications.channels.message import RATE, Message
from heartbeat.notifications.channels.post import post_json
from heartbeat.notifications.channels.texts import cut, in_utf8, one_line
from heartbeat.settings import Settings

# Bytes; a longer message would become an attached file.
MAX_TITLE, MAX_MESSAGE, MAX_ORIGIN = 250, 4_000, 400
PRIORITIES = {"low": 2, "normal": 3, "urgent": 5}


class Config(ChannelConfig):
    """The topic is a secret: anybody who knows it can read along."""

    topic: Annotated[
        SecretStr, matching(r"[-_A-Za-z0-9]{1,64}", "must be a topic's name: 1 to 64 of letters, digits, - and _")
    ]
    token: Annotated[SecretStr, matching(r"[!-~]{1,200}", "must be an access token: tk_…")] | None = None
    server: WebAddress = "https://ntfy.sh"


class NtfyChannel(Channel[Config]):
    config = Config
    # By the message's id, as the sequence's: since ntfy 2.16 the later one takes the place of the earlier.
    knows_repetitions = True

    async def send(self, config: Config, message: Message, settings: Settings) -> None:
        headers = {"Authorization": f"Bearer {config.token.get_secret_value()}"} if config.token else {}
        await post_json(config.server, _payload(config.topic.get_secret_value(), message), settings, headers)


def _payload(topic: str, message: Message) -> dict[str, Any]:
    origin = cut(one_line(message.origin), MAX_ORIGIN, in_utf8)
    body = cut(message.body, MAX_MESSAGE - MAX_ORIGIN, in_utf8)
    payload: dict[str, Any] = {
        "topic": topic,
        "sequence_id": message.uuid,
        "title": cut(one_line(message.title), MAX_TITLE, in_utf8),
        "message": f"{body}\n\n{origin}".lstrip(),
        "priority": PRIORITIES[message.priority],
    }
    if message.link:
        payload["click"] = message.link
    if message.rating_link:
        payload["actions"] = [{"action": "view", "label": RATE, "url": message.rating_link}]
    return payload
