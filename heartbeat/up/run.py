"""From an empty data directory to a stack that is ready, and back to nothing when it is told to stop."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic

import httpx

from heartbeat.secrets.key_file import make_key_file
from heartbeat.settings import Settings
from heartbeat.store import migrate
from heartbeat.store.database import Database
from heartbeat.up.first import FirstKey, make_first, opens_nothing
from heartbeat.up.stack import EmbeddedStack
from heartbeat.up.supervisor import OWN_NAME, Supervisor, Tell

ASK_EVERY = 0.1
PATIENCE = 30.0


def prepare(settings: Settings, tell: Tell) -> FirstKey | None:
    """Bring the database to the newest schema and make the first project; returns it when it is new.

    Also makes the key file, unless the settings have a key: the children read it from the data directory.
    """
    if settings.secret_keys is None:
        make_key_file(settings.data_dir)
    migrate.upgrade(settings.store_url())
    database = Database(settings.store_url())
    try:
        now = datetime.now(UTC)
        first = database.write_now(make_first, settings, now)
        if database.read_now(opens_nothing, settings):
            tell(
                OWN_NAME,
                "HEARTBEAT_API_KEY is no key of this database: it is used when there is no project yet. "
                "Make one with `heartbeat key create`.",
            )
        return first
    finally:
        database.close()


async def run(stack: EmbeddedStack, tell: Tell, when_ready: Callable[[], Awaitable[None]]) -> None:
    """Keep the stack up until SIGINT, SIGTERM or SIGHUP, or until `when_ready` returns or raises; then stop it all.

    A second signal ends everything at once.
    """
    supervisor = Supervisor(stack.stages, stack.environment, tell)
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            supervisor.kill()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    work = asyncio.create_task(_work(stack, supervisor, tell, when_ready))
    told = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        work.cancel()
        await asyncio.wait({work})
        tell(OWN_NAME, "stopping")
        await supervisor.stop()
    if not work.cancelled():
        work.result()


async def _work(
    stack: EmbeddedStack, supervisor: Supervisor, tell: Tell, when_ready: Callable[[], Awaitable[None]]
) -> None:
    await supervisor.start()
    await _readiness(stack, tell)
    await when_ready()


async def _readiness(stack: EmbeddedStack, tell: Tell) -> None:
    """Return when the API says that everything is there; after a while of waiting, say what is missing."""
    complain_at = monotonic() + PATIENCE
    async with httpx.AsyncClient(base_url=stack.api_url, trust_env=False, timeout=5) as api:
        while (missing := await _missing(api)) is not None:
            if monotonic() > complain_at:
                tell(OWN_NAME, f"not ready yet: {missing}")
                complain_at = monotonic() + PATIENCE
            await asyncio.sleep(ASK_EVERY)


async def _missing(api: httpx.AsyncClient) -> str | None:
    try:
        answer = await api.get("/readyz")
    except httpx.HTTPError:
        return "the API does not answer"
    if answer.is_success:
        return None
    with suppress(json.JSONDecodeError, KeyError, TypeError):
        return str(answer.json()["message"])
    return f"the API answers {answer.status_code}"
