"""Telegram, by a bot that was added to the chat."""

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from heartbeat.domain.field_types import MAX_NUMBER, WHOLE
from heartbeat.notifications.channels.channel import Channel, ChannelConfig
from heartbeat.notifications.channels.fields import WebAddress, matching
from heartbeat.notifications.channels.message import Message, Rejected
from heartbeat.notifications.channels.post import post_json
from heartbeat.notifications.channels.texts import cut, in_utf16, one_line
from heartbeat.settings import Settings

# What a message may be without its markup, and what its first and last line may take of it.
MAX_MESSAGE, MAX_TITLE, MAX_ORIGIN = 4_096, 256, 256


def _text_of_number(value: Any) -> Any:
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return str(int(value)) if is_whole and not isinstance(value, bool) else value


def _chat(text: str) -> str:
    if not re.fullmatch(r"-?[0-9]{1,20}|@[A-Za-z0-9_]{4,64}", text):
        raise ValueError("must be the chat's number, such as -1001234567890, or the @name of a public one")
    return text


class Config(ChannelConfig):
    token: Annotated[
        SecretStr,
        matching(r"\d{1,20}:[A-Za-z0-9_-]{20,100}", "must be a bot's token as BotFather gives it: 123456789:AAE…"),
    ]
    chat_id: Annotated[str, BeforeValidator(_text_of_number), AfterValidator(_chat)]
    # The topic of a group that has topics.
    message_thread_id: Annotated[int, Field(ge=1, le=MAX_NUMBER), WHOLE] | None = None
    api_url: WebAddress = "https://api.telegram.org"


class TelegramChannel(Channel[Config]):
    config = Config

    async def send(self, config: Config, message: Message, settings: Settings) -> Mapping[str, Any] | None:
        """Follow a group that became a supergroup, which has another number."""
        url = f"{config.api_url.rstrip('/')}/bot{config.token.get_secret_value()}/sendMessage"
        try:
            await post_json(url, _payload(config, message), settings)
        except Rejected as problem:
            chat_id = _supergroup(problem.response)
            if chat_id is None:
                raise
            supergroup = {"chat_id": chat_id}
            await post_json(url, _payload(config, message) | supergroup, settings)
            return supergroup
        return None


def _supergroup(response: str) -> str | None:
    """Return the number that the chat has now, if that is why Telegram refused it."""
    try:
        chat_id = json.loads(response)["parameters"]["migrate_to_chat_id"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return str(chat_id) if isinstance(chat_id, int) and not isinstance(chat_id, bool) else None


def _payload(config: Config, message: Message) -> dict[str, Any]:
    topic = {} if config.message_thread_id is None else {"message_thread_id": config.message_thread_id}
    return topic | {
        "chat_id": config.chat_id,
        "text": _text(message),
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
        "disable_notification": message.priority == "low",
    }


def _text(message: Message) -> str:
    """Links stand in the open: buttons are refused for hosts that Telegram does not know."""
    title = cut(one_line(message.title), MAX_TITLE, in_utf16)
    origin = cut(one_line(message.origin), MAX_ORIGIN, in_utf16)
    links = "\n\n".join(message.spelled_links)
    body = cut(message.body, MAX_MESSAGE - in_utf16(f"{title}\n\n\n\n{links}\n\n{origin}"), in_utf16)
    parts = [f"<b>{_plain(title)}</b>", _plain(body), _plain(links), f"<i>{_plain(origin)}</i>"]
    return "\n\n".join(part for part in parts if part.strip())


def _plain(text: str) -> str:
    return escape(text, quote=False)
