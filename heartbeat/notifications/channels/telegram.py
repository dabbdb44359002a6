"""Telegram, by a bot that was added to the chat."""

from html import escape
from typing import Annotated, Any

from pydantic import Field, SecretStr

from heartbeat.notifications.channels.channel import Channel, ChannelConfig
from heartbeat.notifications.channels.fields import WebAddress, matching
from heartbeat.notifications.channels.message import Message
from heartbeat.notifications.channels.post import post_json
from heartbeat.notifications.channels.texts import cut, in_utf16, one_line
from heartbeat.settings import Settings

# What a message may be without its markup, and what its first and last line may take of it.
MAX_MESSAGE, MAX_TITLE, MAX_ORIGIN = 4_096, 256, 256


class Config(ChannelConfig):
    token: Annotated[
        SecretStr,
        matching(r"\d{1,20}:[A-Za-z0-9_-]{20,100}", "must be a bot's token as BotFather gives it: 123456789:AAE…"),
    ]
    chat_id: Annotated[str, Field(pattern=r"^(-?\d{1,20}|@[A-Za-z0-9_]{4,64})$")]
    api_url: WebAddress = "https://api.telegram.org"


class TelegramChannel(Channel[Config]):
    config = Config

    async def send(self, config: Config, message: Message, settings: Settings) -> None:
        url = f"{config.api_url.rstrip('/')}/bot{config.token.get_secret_value()}/sendMessage"
        await post_json(url, _payload(config.chat_id, message), settings)


def _payload(chat_id: str, message: Message) -> dict[str, Any]:
    return {
        "chat_id": chat_id,
        "text": _text(message),
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
        "disable_notification": message.priority == "low",
    }


def _text(message: Message) -> str:
    """The link stands in the open: buttons are refused for hosts that Telegram does not know."""
    title = cut(one_line(message.title), MAX_TITLE, in_utf16)
    origin = cut(one_line(message.origin), MAX_ORIGIN, in_utf16)
    link = message.link or ""
    body = cut(message.body, MAX_MESSAGE - in_utf16(f"{title}\n\n\n\n{link}\n\n{origin}"), in_utf16)
    parts = [f"<b>{_plain(title)}</b>", _plain(body), _plain(link), f"<i>{_plain(origin)}</i>"]
    return "\n\n".join(part for part in parts if part.strip())


def _plain(text: str) -> str:
    return escape(text, quote=False)
