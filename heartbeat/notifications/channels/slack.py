"""Slack, by an incoming webhook; also Mattermost and others that take the same messages."""

from typing import Annotated, Any

from pydantic import SecretStr

from heartbeat.notifications.channels.channel import Channel, ChannelConfig
from heartbeat.notifications.channels.fields import address_at
from heartbeat.notifications.channels.message import Message
from heartbeat.notifications.channels.post import post_json
from heartbeat.notifications.channels.texts import ZERO_WIDTH_SPACE, cut, one_line, open_links
from heartbeat.settings import Settings

# Block Kit's limits.
MAX_TITLE, MAX_SECTION, MAX_CONTEXT = 150, 3_000, 2_000

EXAMPLE = "https://hooks.slack.com/services/T…/B…/…"
Webhook = Annotated[SecretStr, address_at(EXAMPLE, "hooks.slack.com", "hooks.slack-gov.com")]


class Config(ChannelConfig):
    url: Webhook


class SlackChannel(Channel[Config]):
    config = Config

    async def send(self, config: Config, message: Message, settings: Settings) -> None:
        await post_json(config.url.get_secret_value(), _payload(message), settings)


def _payload(message: Message) -> dict[str, Any]:
    title = one_line(message.title)
    urgent = ":rotating_light: " if message.priority == "urgent" else ""
    blocks: list[dict[str, Any]] = [_header(urgent + title)]
    if message.body.strip():
        blocks.append({"type": "section", "text": _mrkdwn(_fitted(message.body, MAX_SECTION))})
    links = [_link(*link) for link in message.links]
    blocks += [{"type": "section", "text": _mrkdwn(link)} for link in links]
    blocks.append({"type": "context", "elements": [_mrkdwn(_fitted(one_line(message.origin), MAX_CONTEXT))]})
    # `text` is what a phone's notification shows, and all that Mattermost does, where it is Markdown with mentions.
    words = open_links(f"{urgent}{title}\n{message.body}".strip()).replace("@", f"@{ZERO_WIDTH_SPACE}")
    text = "\n".join([_fitted(words, MAX_SECTION), *links])
    return {"text": text, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _header(title: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": cut(title, MAX_TITLE), "emoji": True}}


def _mrkdwn(text: str) -> dict[str, Any]:
    # `verbatim`: neither names nor addresses in it become mentions or links that nobody wrote.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _fitted(text: str, max_length: int) -> str:
    return _escape(cut(text, max_length, lambda part: len(_escape(part))))


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _link(label: str, url: str) -> str:
    return f"<{_escape(url.replace('|', '%7C').replace('>', '%3E').replace('<', '%3C'))}|{label}>"
