"""The channels by name, their configs split into what is shown and what is sealed, and sending over one of them.

For a new channel copy the file of its neighbour and add a line to `CHANNELS`. Around it: a row in the table of
docs/notifications.md, its name for people in api/dashboard/views/formats.py, and an example each in
tests/support/channel_configs.py and tests/notifications/channels/test_configs.py.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import SecretStr, ValidationError

from heartbeat.domain.errors import Detail, Invalid, InvalidMany
from heartbeat.domain.field_types import is_blank
from heartbeat.domain.redaction import shown_address
from heartbeat.notifications.channels.apprise import AppriseChannel
from heartbeat.notifications.channels.channel import Channel, ChannelConfig
from heartbeat.notifications.channels.discord import DiscordChannel
from heartbeat.notifications.channels.email import EmailChannel
from heartbeat.notifications.channels.fields import MAX_LENGTH
from heartbeat.notifications.channels.message import Gone, Message, NotNow, Rejected
from heartbeat.notifications.channels.ntfy import NtfyChannel
from heartbeat.notifications.channels.slack import SlackChannel
from heartbeat.notifications.channels.teams import TeamsChannel
from heartbeat.notifications.channels.telegram import TelegramChannel
from heartbeat.notifications.channels.webhook import WebhookChannel
from heartbeat.settings import Settings

CHANNELS: dict[str, Channel[Any]] = {
    "webhook": WebhookChannel(),
    "email": EmailChannel(),
    "slack": SlackChannel(),
    "discord": DiscordChannel(),
    "telegram": TelegramChannel(),
    "teams": TeamsChannel(),
    "ntfy": NtfyChannel(),
    "apprise": AppriseChannel(),
}

# In characters: a shorter value is no secret worth a hole in a sentence; a part of an address this long is one.
MIN_SECRET_LENGTH, MIN_TOKEN_LENGTH = 4, 16

# The fields that say to whom a channel's secrets are sent. A webhook's secret signs, and is not sent at all.
DESTINATIONS = ("host", "server", "api_url")


def read_config(
    channel: str, fields: Mapping[str, Any], allow: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, str]]:
    """Split `fields` into what may be shown and what must be sealed. `allow` is the operator's HEARTBEAT_EGRESS_ALLOW.

    A webhook without a secret gets one; a field that is null or blank counts as left out. Raises `Invalid` and
    `InvalidMany`, whose messages hold no value.
    """
    if channel not in CHANNELS:
        raise Invalid("channel", f"must be one of {', '.join(CHANNELS)}")
    present = {name: value for name, value in fields.items() if value is not None and not is_blank(value)}
    try:
        model = _validate(channel, {**CHANNELS[channel].new_secrets(), **present}, allow)
    except ValidationError as problem:
        raise InvalidMany(_details(problem)) from None
    values = {name: value for name, value in model if value is not None}
    secrets = {name: value.get_secret_value() for name, value in values.items() if isinstance(value, SecretStr)}
    shown = {name: value for name, value in values.items() if name not in secrets}
    if "?" in shown.get("url", ""):
        # What is sealed takes the place of what is shown when a message is sent.
        secrets["url"], shown["url"] = shown["url"], shown_address(shown["url"])
    return shown, secrets


def change_config(
    channel: str,
    config: Mapping[str, Any],
    secrets: Mapping[str, str],
    changes: Mapping[str, Any],
    allow: Sequence[str] = (),
) -> tuple[dict[str, Any], dict[str, str]]:
    """`read_config` for a target that has `config` and `secrets`, with `changes` applied; null forgets a field.

    A blank one stays as it was. Also raises `Invalid` if a kept secret would be sent to a place that it was not given
    for.
    """
    changes = {name: value for name, value in changes.items() if not is_blank(value)}
    if "url" in secrets and changes.get("url") == config.get("url"):
        # As it is shown: its query, which is kept, stays.
        changes = {name: value for name, value in changes.items() if name != "url"}
    new_config, new_secrets = read_config(channel, {**config, **secrets, **changes}, allow)
    moved = [name for name in DESTINATIONS if new_config.get(name) != config.get(name)]
    old_secrets = [name for name in new_secrets if name in secrets and name not in changes]
    if moved and old_secrets:
        words = f"must be given again with another {moved[0]}, or as null: what is kept was given for the old one"
        raise Invalid(f"config.{old_secrets[0]}", words)
    return new_config, new_secrets


def check_available(channel: str, config: Mapping[str, Any], settings: Settings) -> None:
    """Raise `Invalid` if a config from `read_config` asks for what this installation does not have."""
    obstacle = CHANNELS[channel].obstacle(config, settings)
    if obstacle:
        raise Invalid(*obstacle)


def knows_repetitions(channel: str) -> bool:
    """Whether the receiver of a message can tell by its id that it got it before."""
    return channel in CHANNELS and CHANNELS[channel].knows_repetitions


async def send(
    channel: str, config: Mapping[str, Any], secrets: Mapping[str, str], message: Message, settings: Settings
) -> Mapping[str, Any]:
    """Make one attempt to hand `message` on; return when it was taken. Raises as `Channel.send` does.

    Returns the fields of the config that the receiver says are others from now on.
    """
    if channel not in CHANNELS:
        raise Rejected(f"This installation knows no channel {channel!r}; delete the target.")
    try:
        model = _validate(channel, {**config, **secrets}, settings.egress_allow)
    except ValidationError as problem:
        words = "; ".join(f"{detail.field} {detail.message}" for detail in _details(problem))
        raise Rejected(f"The target is set up wrongly: {words}.") from None
    try:
        # A service refuses a message without a title.
        whole = replace(message, title=message.title.strip() or message.kind, link=_usable(message.link))
        return await CHANNELS[channel].send(model, whole, settings) or {}
    except NotNow as problem:
        raise type(problem)(_masked(problem, secrets), problem.retry_after) from None
    except (Rejected, Gone) as problem:
        raise type(problem)(_masked(problem, secrets)) from None


def _validate(channel: str, fields: Mapping[str, Any], allow: Sequence[str]) -> ChannelConfig:
    model: ChannelConfig = CHANNELS[channel].config.model_validate(dict(fields), context=allow)
    return model


def _details(problem: ValidationError) -> list[Detail]:
    errors = problem.errors(include_url=False, include_context=False, include_input=False)
    return [
        Detail(
            ".".join(["config", *(str(part)[:64] for part in error["loc"])]), error["msg"].removeprefix("Value error, ")
        )
        for error in errors
    ]


def _usable(link: str | None) -> str | None:
    """`link` where every service takes it: several refuse the whole message for one that they cannot read."""
    usable = link and link.startswith(("http://", "https://")) and len(link) <= MAX_LENGTH
    return link if usable and not any(letter.isspace() for letter in link or "") else None


def _masked(problem: Exception, secrets: Mapping[str, str]) -> str:
    """What went wrong, without the secrets that a receiver may have repeated in its answer."""
    words = str(problem)
    for value in secrets.values():
        # Of an address also the long parts of its path and query: they are what makes it a secret.
        parts = [part for part in re.split(r"[/?&=]", value) if len(part) >= MIN_TOKEN_LENGTH and "." not in part]
        for part in (value, *parts) if len(value) >= MIN_SECRET_LENGTH else ():
            words = words.replace(part, "…")
    return words
