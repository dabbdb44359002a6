"""Apprise: any service it knows, at an address that the operator wrote into the settings and that users can only name.

The library dials by itself, past the guard, so nobody but the operator may give it an address. Whatever goes wrong is
the operator's to mend, so every failure is one that may pass.
"""

import asyncio
import logging
import re
import socket
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from heartbeat.notifications.channels.channel import Channel, ChannelConfig
from heartbeat.notifications.channels.message import Message, NotNow, Unconfirmed
from heartbeat.notifications.channels.post import MAY_HAVE_ARRIVED, UNCONFIRMED
from heartbeat.notifications.channels.texts import cut, one_line, open_links
from heartbeat.settings import AppriseName, Settings

if TYPE_CHECKING:
    from apprise import Apprise, AppriseResult

SECONDS = 20.0
MAX_TITLE, MAX_BODY = 250, 10_000
STATUS = re.compile(r"\berror=(\d{3})\b")
# In a log record, for what a service's own words would say: it may have the message.
LOST = "the answer was lost"
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
        address, services = settings.apprise_targets[config.name].get_secret_value(), None
        try:
            async with asyncio.timeout(SECONDS):
                # In a thread: the first one loads more than a hundred services.
                services = await asyncio.to_thread(services_of, address)
                if services is None:
                    raise NotNow(f"Apprise cannot read the address that the operator set up as {config.name}.")
                result = await services.async_notify(title=_title(message), body=_body(message))
        except TimeoutError:
            # Its thread goes on.
            failure = NotNow if services is None else Unconfirmed
            raise failure(f"Apprise had not handed the message to {config.name} within {SECONDS:g} s.") from None
        # Not by the result's own truth: an address may say that its failures do not count.
        if not any(attempt for service in result for attempt in service):
            raise _failure(config.name, result)

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
    """Let through of Apprise's log the status that a service answered with, and no word: its words name addresses.

    A service logs that it has no answer while it handles the exception that says why.
    """
    if record.levelno < logging.WARNING:
        return False
    status = STATUS.search(record.getMessage())
    words = status[0] if status else LOST if _may_have_arrived(sys.exception()) else None
    if words:
        record.msg, record.args, record.exc_info = words, (), None
    return words is not None


def _may_have_arrived(problem: BaseException | None) -> bool:
    """Tell whether a service had a connection before `problem`: nothing arrives where none was made."""
    from urllib3.exceptions import MaxRetryError

    # With requests, which makes no second try, this one is of the connection alone.
    causes = (problem, *getattr(problem, "args", ()))
    unconnected = (MaxRetryError, ConnectionRefusedError, socket.gaierror)
    return isinstance(problem, OSError) and not any(isinstance(cause, unconnected) for cause in causes)


def _title(message: Message) -> str:
    return cut(open_links(one_line(message.title)), MAX_TITLE)


def _body(message: Message) -> str:
    parts = [cut(open_links(message.body), MAX_BODY), *message.spelled_links, one_line(message.origin)]
    return "\n\n".join(part for part in parts if part.strip())


def _failure(name: str, result: "AppriseResult") -> NotNow:
    attempts = [attempt for service in result for attempt in service]
    lines = [entry.message for attempt in attempts for entry in attempt]
    words = f"Apprise could not hand the message to {name}"
    statuses = [status[1] for line in lines if (status := STATUS.search(line))]
    if statuses:
        failure = Unconfirmed if int(statuses[-1]) in UNCONFIRMED else NotNow
        return failure(f"{words}: it answered {statuses[-1]}.")
    if LOST in lines or any(attempt.status.name == "TIMEOUT" for attempt in attempts):
        return Unconfirmed(f"{words}: it did not answer; {MAY_HAVE_ARRIVED}.")
    return NotNow(f"{words}: it could not be reached, or refused it.")
