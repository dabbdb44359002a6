"""Discord, by a channel's webhook."""

from typing import Annotated, Any

import httpx2
from pydantic import SecretStr

from heartbeat.notifications.channels.channel import Channel, ChannelConfig
from heartbeat.notifications.channels.fields import address_at
from heartbeat.notifications.channels.message import Message
from heartbeat.notifications.channels.post import post_json
from heartbeat.notifications.channels.texts import cut, in_utf16, one_line, open_links
from heartbeat.settings import Settings

# An embed's limits; all of it together may be 6,000.
MAX_TITLE, MAX_DESCRIPTION, MAX_FOOTER = 256, 4_096, 1_000
COLOURS = {"low": 0x8A8F98, "normal": 0x3B82F6, "urgent": 0xDC2626}

EXAMPLE = "https://discord.com/api/webhooks/…/…"
HOSTS = ("discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com")
Webhook = Annotated[SecretStr, address_at(EXAMPLE, *HOSTS)]


class Config(ChannelConfig):
    url: Webhook


class DiscordChannel(Channel[Config]):
    config = Config

    async def send(self, config: Config, message: Message, settings: Settings) -> None:
        """Wait for the answer until Discord has the message."""
        url = httpx2.URL(config.url.get_secret_value()).copy_set_param("wait", "true")
        await post_json(str(url), _payload(message), settings)


def _payload(message: Message) -> dict[str, Any]:
    embed: dict[str, Any] = {
        "title": cut(open_links(one_line(message.title)), MAX_TITLE, in_utf16),
        "color": COLOURS[message.priority],
        "footer": {"text": cut(one_line(message.origin), MAX_FOOTER, in_utf16)},
        "timestamp": message.at.isoformat(),
    }
    links = "\n\n".join(message.spelled_links)
    body = cut(open_links(message.body), MAX_DESCRIPTION - in_utf16(links) - 2, in_utf16)
    # In the open: as the title's address, one of a private network would be refused with the whole message.
    if words := "\n\n".join(part for part in (body, links) if part.strip()):
        embed["description"] = words
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}
