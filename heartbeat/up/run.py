"""Prepare the database, run the embedded stack until it is told to stop, and stop it."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import ParamSpec

import httpx

from heartbeat.domain.clock import utc_now
from heartbeat.secrets.key_file import make_key_file
from heartbeat.secrets.keyring import CannotOpen, Keyring, NoKey
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.migrations import migrate
from heartbeat.store.projects.sealed_addresses import seal_addresses
from heartbeat.up.first_project import FirstProject, create_first_project, has_unknown_key
from heartbeat.up.preflight import CannotStart
from heartbeat.up.stack import EmbeddedStack
from heartbeat.up.supervisor import OWN_NAME, Log, Supervisor

P = ParamSpec("P")

POLL_SECONDS = 0.1
COMPLAIN_AFTER_SECONDS = 30.0


def prepare(settings: Settings, log: Log) -> FirstProject | None:
    """Bring the database to the newest schema and make the first project; returns it when it is new.

    Also makes the key file, unless the settings have a key: the children read it from the data directory.
    """
    if settings.secret_keys is None:
        make_key_file(settings.data_dir)
    migrate.upgrade(settings.store_url())
    database = Database(settings.store_url())
    try:
        with suppress(NoKey, CannotOpen):
            database.write_now(seal_addresses, Keyring.from_settings(settings))
        now = utc_now()
        first = database.write_now(create_first_project, settings, now)
        if database.read_now(has_unknown_key, settings, now):
            log(
                OWN_NAME,
                "HEARTBEAT_API_KEY is no key of this database: it is used when there is no project yet. "
                "Make one with `heartbeat key create`.",
            )
        return first
    finally:
        database.close()


async def run_stack(
    stack: EmbeddedStack, log: Log, when_ready: Callable[P, Awaitable[None]], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Keep the stack up until SIGINT, SIGTERM or SIGHUP, or until `when_ready(…)` returns or raises; then stop it.

    A second signal ends everything at once. Raises `CannotStart` when a part of it cannot go on.
    """
    supervisor = Supervisor(stack.stages, stack.environment, log)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, _stop_or_kill, stop, supervisor)
    running = asyncio.create_task(_run(stack, supervisor, log, partial(when_ready, *args, **kwargs)))
    stopping, given_up = asyncio.create_task(stop.wait()), asyncio.create_task(supervisor.given_up.wait())
    try:
        await asyncio.wait({running, stopping, given_up}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        given_up.cancel()
        stop.set()
        running.cancel()
        await asyncio.wait({running})
        log(OWN_NAME, "stopping")
        await supervisor.stop()
    if not running.cancelled():
        running.result()
    if supervisor.reason:
        raise CannotStart(supervisor.reason)


def _stop_or_kill(stop: asyncio.Event, supervisor: Supervisor) -> None:
    if stop.is_set():
        supervisor.kill()
    stop.set()


async def _run(
    stack: EmbeddedStack, supervisor: Supervisor, log: Log, when_ready: Callable[[], Awaitable[None]]
) -> None:
    await supervisor.start()
    await _until_ready(stack, log)
    await when_ready()


async def _until_ready(stack: EmbeddedStack, log: Log) -> None:
    """Wait until the API says that everything is ready; log what is missing whenever that takes long."""
    complain_at = monotonic() + COMPLAIN_AFTER_SECONDS
    async with httpx.AsyncClient(base_url=stack.api_url, trust_env=False, timeout=5) as api:
        while (missing := await _missing(api)) is not None:
            if monotonic() > complain_at:
                log(OWN_NAME, f"not ready yet: {missing}")
                complain_at = monotonic() + COMPLAIN_AFTER_SECONDS
            await asyncio.sleep(POLL_SECONDS)


async def _missing(api: httpx.AsyncClient) -> str | None:
    """Say what keeps the stack from being ready; `None` when nothing does."""
    try:
        response = await api.get("/readyz")
    except httpx.HTTPError:
        return "the API does not answer"
    if response.is_success:
        return None
    with suppress(json.JSONDecodeError, KeyError, TypeError):
        return str(response.json()["message"])
    return f"the API answers {response.status_code}"
