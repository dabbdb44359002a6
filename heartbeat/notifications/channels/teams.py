"""Microsoft Teams, by a workflow that starts when a webhook request is received."""

from typing import Annotated, Any

from pydantic import SecretStr

from heartbeat.notifications.channels.channel import Channel, ChannelConfig
from heartbeat.notifications.channels.fields import address_at
from heartbeat.notifications.channels.message import Message
from heartbeat.notifications.channels.post import post_json
from heartbeat.notifications.channels.texts import cut, in_json, one_line, open_links
from heartbeat.settings import Settings

# Bytes; Teams takes a message of 28 KB with everything around the words.
MAX_TITLE, MAX_BODY, MAX_ORIGIN = 500, 20_000, 500

EXAMPLE = "https://….api.powerplatform.com/…/workflows/…"
HOSTS = (".logic.azure.com", ".api.powerplatform.com", ".logic.azure.us", ".api.powerplatform.us")
Webhook = Annotated[SecretStr, address_at(EXAMPLE, *HOSTS)]


class Config(ChannelConfig):
    url: Webhook


class TeamsChannel(Channel[Config]):
    config = Config

    async def send(self, config: Config, message: Message, settings: Settings) -> None:
        """Teams accepts a message (202) before the workflow has posted it, and tells no more."""
        await post_json(config.url.get_secret_value(), _payload(message), settings)


def _payload(message: Message) -> dict[str, Any]:
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": _card(message),
    }
    return {"type": "message", "attachments": [attachment]}


def _card(message: Message) -> dict[str, Any]:
    title = _block(one_line(message.title), MAX_TITLE, size="large", weight="bolder")
    if message.priority == "urgent":
        title["color"] = "attention"
    origin = _block(one_line(message.origin), MAX_ORIGIN, isSubtle=True, size="small")
    blocks = [title, _block(message.body, MAX_BODY), origin]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [block for block in blocks if block["text"].strip()],
        "msteams": {"width": "Full"},
    }
    if message.links:
        card["actions"] = [{"type": "Action.OpenUrl", "title": label, "url": url} for label, url in message.links]
    return card


def _block(text: str, max_bytes: int, **look: Any) -> dict[str, Any]:
    # A single line end would vanish in the Markdown of a card.
    lines = "\n\n".join(line for line in open_links(text).splitlines() if line.strip())
    return {"type": "TextBlock", "text": cut(lines, max_bytes, in_json), "wrap": True, **look}
