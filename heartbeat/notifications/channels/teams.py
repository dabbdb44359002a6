"""Microsoft Teams, by a workflow that starts when a webhook request is received."""

from typing import Annotated, Any

from pydantic import AfterValidator, SecretStr

from heartbeat.notifications.channels import addresses
from heartbeat.notifications.channels.channel import Channel, ChannelConfig
from heartbeat.notifications.channels.message import Message
from heartbeat.notifications.channels.post import post_json
from heartbeat.notifications.channels.texts import cut, in_json, one_line, open_links
from heartbeat.settings import Settings

# Bytes; Teams takes a message of 28 KB with everything around the words.
TITLE, BODY, ORIGIN = 500, 20_000, 500

_webhook = addresses.of_service(
    "https://….api.powerplatform.com/…/workflows/…",
    ".logic.azure.com",
    ".api.powerplatform.com",
    ".logic.azure.us",
    ".api.powerplatform.us",
)


class Config(ChannelConfig):
    url: Annotated[SecretStr, AfterValidator(_webhook)]


class TeamsChannel(Channel[Config]):
    config = Config

    async def send(self, config: Config, message: Message, settings: Settings) -> None:
        """One attempt. Teams accepts it (202) before the workflow has posted it; that is all it tells."""
        await post_json(config.url.get_secret_value(), _payload(message), settings)


def _payload(message: Message) -> dict[str, Any]:
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": _card(message),
    }
    return {"type": "message", "attachments": [attachment]}


def _card(message: Message) -> dict[str, Any]:
    title = _block(one_line(message.title), TITLE, size="large", weight="bolder")
    if message.priority == "urgent":
        title["color"] = "attention"
    blocks = [title, _block(message.body, BODY), _block(one_line(message.origin), ORIGIN, isSubtle=True, size="small")]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [block for block in blocks if block["text"].strip()],
        "msteams": {"width": "Full"},
    }
    if message.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open", "url": message.link}]
    return card


def _block(text: str, most: int, **look: Any) -> dict[str, Any]:
    # A single line end would vanish in the Markdown of a card.
    lines = "\n\n".join(line for line in open_links(text).splitlines() if line.strip())
    return {"type": "TextBlock", "text": cut(lines, most, in_json), "wrap": True, **look}
