"""Apprise: any service it knows, at an address that the operator wrote into the settings and that users can only name.

The library dials by itself, past the guard, so nobody but the operator may give it an address. Whatever goes wrong is
the operator's to mend, so every failure is one that may pass.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from heartbeat.notifications.channels.channel import Channel, ChannelConfig
from heartbeat.notifications.channels.message import Message, NotNow
from heartbeat.notifications.channels.texts import cut, one_line, open_links
from heartbeat.settings import AppriseName, Settings

if TYPE_CHECKING:
    from apprise import Apprise, AppriseResult

SECONDS = 20.0
MAX_TITLE, MAX_BODY = 250, 10_000
STATUS = re.compile(r"\berror=(\d{3})\b")
EXTRA = "install it: pip install 'heartbeat-server[apprise]'"


class Config(ChannelConfig):
    """`name` is one of HEARTBEAT_APPRISE_TARGETS."""

    name: AppriseName


class AppriseChannel(Channel[Config]):
    config = Config

    async def send(self, config: Config, message: Message, settings: Settings) -> None:
        """What is raised names nothing of the address, for any part of it may be a secret."""
        problem = self.obstacle(config.model_dump(), settings)
        if problem is not None:
            raise NotNow(f"{problem[0]} {problem[1]}.")
        address = settings.apprise_targets[config.name].get_secret_value()
        try:
            async with asyncio.timeout(SECONDS):
                # In a thread: the first one loads more than a hundred services.
                services = await asyncio.to_thread(services_of, address)
                if services is None:
                    raise NotNow(f"Apprise cannot read the address that the operator set up as {config.name}.")
                result = await services.async_notify(title=_title(message), body=_body(message))
        except TimeoutError:
            raise NotNow(f"Apprise had not handed the message to {config.name} within {SECONDS:g} s.") from None
        # Not by the result's own truth: an address may say that its failures do not count.
        if not any(attempt for service in result for attempt in service):
            raise NotNow(f"Apprise could not hand the message to {config.name}: {_answer(result)}.")

    def obstacle(self, config: Mapping[str, Any], settings: Settings) -> tuple[str, str] | None:
        """Return `None` when this process knows the name and has Apprise."""
        names = sorted(settings.apprise_targets)
        if not names:
            return "config.name", "names nothing: the operator has set up no HEARTBEAT_APPRISE_TARGETS"
        if config["name"] not in names:
            return "config.name", f"must be one of {', '.join(names)}"
        if find_spec("apprise") is None:
            return "channel", f"needs the package apprise, which is not installed here; {EXTRA}"
        return None


def services_of(address: str) -> "Apprise | None":
    """Make what sends to `address`; `None` if Apprise cannot read it. Blocks while Apprise is loaded."""
    # What it speaks with logs addresses, too.
    for name in ("urllib3", "slixmpp"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("apprise").addFilter(_keep_status)
    from apprise import Apprise, AppriseAsset, NotifyFormat

    asset = AppriseAsset(
        app_id="Heartbeat",
        body_format=NotifyFormat.TEXT,
        http_redirects=False,
        storage_mode="memory",
        service_timeout=SECONDS,
        allow_templates=False,
    )
    # Not by `add`, which takes several addresses for one.
    service = Apprise.instantiate(address, asset=asset)
    return Apprise([service], asset=asset) if service else None


def _keep_status(record: logging.LogRecord) -> bool:
    """Let through of Apprise's log the status that a service answered with, and no word: its words name addresses."""
    status = STATUS.search(record.getMessage()) if record.levelno >= logging.WARNING else None
    if status:
        record.msg, record.args, record.exc_info = status[0], (), None
    return status is not None


def _title(message: Message) -> str:
    return cut(open_links(one_line(message.title)), MAX_TITLE)


def _body(message: Message) -> str:
    parts = [cut(open_links(message.body), MAX_BODY), message.link or "", one_line(message.origin)]
    return "\n\n".join(part for part in parts if part.strip())


def _answer(result: "AppriseResult") -> str:
    lines = [entry.message for service in result for attempt in service for entry in attempt]
    statuses = [status[1] for line in lines if (status := STATUS.search(line))]
    return f"it answered {statuses[-1]}" if statuses else "it could not be reached, or refused it"
