"""The channels by name, their configs split into what is shown and what is sealed, and sending over one of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

from pydantic import SecretStr, ValidationError

from heartbeat.domain.errors import Detail, Invalid, InvalidMany
from heartbeat.notifications.channels import addresses, apprise, discord, email, ntfy, slack, teams, telegram, webhook
from heartbeat.notifications.channels.message import Gone, Message, NotNow, Rejected
from heartbeat.settings import Settings

# Characters: what is shorter is no secret worth a hole in a sentence, and what is this long in an address is one.
LEAST, TOKEN = 4, 16

# The fields that say to whom a channel's secrets are sent. A webhook's secret signs, and is not sent at all.
PLACES = ("host", "server", "api_url")

CHANNELS: dict[str, ModuleType] = {
    "webhook": webhook,
    "email": email,
    "slack": slack,
    "discord": discord,
    "telegram": telegram,
    "teams": teams,
    "ntfy": ntfy,
    "apprise": apprise,
}


def config_of(
    channel: str, given: Mapping[str, Any], allow: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, str]]:
    """What may be shown of `given`, and what must be sealed. `allow` is the operator's HEARTBEAT_EGRESS_ALLOW.

    A webhook without a secret gets one; a field that is null is one that was not given. Raises `Invalid` and
    `InvalidMany`, whose messages hold no value.
    """
    if channel not in CHANNELS:
        raise Invalid("channel", f"must be one of {', '.join(CHANNELS)}")
    fresh = {name: make() for name, make in getattr(CHANNELS[channel], "FRESH", {}).items()}
    try:
        config = _read(channel, {**fresh, **{name: value for name, value in given.items() if value is not None}}, allow)
    except ValidationError as problem:
        raise InvalidMany(_details(problem)) from None
    values = {name: value for name, value in config if value is not None}
    secret = {name: value.get_secret_value() for name, value in values.items() if isinstance(value, SecretStr)}
    return {name: value for name, value in values.items() if name not in secret}, secret


def config_changed(
    channel: str,
    shown: Mapping[str, Any],
    secret: Mapping[str, str],
    changes: Mapping[str, Any],
    allow: Sequence[str] = (),
) -> tuple[dict[str, Any], dict[str, str]]:
    """`config_of` a target that has `shown` and `secret` and is given `changes`; null forgets a field.

    Raises `Invalid` too when a secret that was kept would be sent where it was not given for.
    """
    fresh, sealed = config_of(channel, {**shown, **secret, **changes}, allow)
    moved = [name for name in PLACES if fresh.get(name) != shown.get(name)]
    kept = [name for name in sealed if name in secret and name not in changes]
    if moved and kept:
        words = f"must be given again with another {moved[0]}, or as null: what is kept was given for the old one"
        raise Invalid(f"config.{kept[0]}", words)
    return fresh, sealed


def check_here(channel: str, shown: Mapping[str, Any], settings: Settings) -> None:
    """Raises `Invalid` when a config from `config_of` asks for what this installation does not have."""
    obstacle = getattr(CHANNELS[channel], "obstacle", None)
    problem = obstacle and obstacle(_read(channel, shown, settings.egress_allow), settings)
    if problem:
        raise Invalid(*problem)


def knows_repetitions(channel: str) -> bool:
    """Whether who receives a message a second time can tell, by its id."""
    return bool(getattr(CHANNELS.get(channel), "KNOWS_REPETITIONS", False))


async def send(
    channel: str, shown: Mapping[str, Any], secret: Mapping[str, str], message: Message, settings: Settings
) -> None:
    """One attempt to hand `message` on; returns when it was taken. Raises `Rejected`, `Gone` and `NotNow`."""
    if channel not in CHANNELS:
        raise Rejected(f"This installation knows no channel {channel!r}; delete the target.")
    try:
        config = _read(channel, {**shown, **secret}, settings.egress_allow)
    except ValidationError as problem:
        words = "; ".join(f"{detail.field} {detail.message}" for detail in _details(problem))
        raise Rejected(f"The target is set up wrongly: {words}.") from None
    try:
        # A service refuses a message without a title.
        whole = replace(message, title=message.title.strip() or message.kind, link=_usable(message.link))
        await CHANNELS[channel].send(config, whole, settings)
    except NotNow as problem:
        raise NotNow(_masked(problem, secret), problem.retry_after) from None
    except (Rejected, Gone) as problem:
        raise type(problem)(_masked(problem, secret)) from None


def _read(channel: str, given: Mapping[str, Any], allow: Sequence[str]) -> addresses.Config:
    model: type[addresses.Config] = CHANNELS[channel].Config
    return model.model_validate(dict(given), context=allow)


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
    usable = link and link.startswith(("http://", "https://")) and len(link) <= addresses.MAX_LENGTH
    return link if usable and not any(letter.isspace() for letter in link or "") else None


def _masked(problem: Exception, secret: Mapping[str, str]) -> str:
    """What went wrong, without the secrets that a receiver may have repeated in its answer."""
    words = str(problem)
    for value in secret.values():
        # Of an address also the long parts of its path and query: they are what makes it a secret.
        parts = [part for part in re.split(r"[/?&=]", value) if len(part) >= TOKEN and "." not in part]
        for part in (value, *parts) if len(value) >= LEAST else ():
            words = words.replace(part, "…")
    return words
