"""`heartbeat demo`: `up`, with a bot whose heartbeat fires every minute, followed until Ctrl-C."""

import asyncio
import os
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import httpx
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.text import Text
from sqlalchemy import Connection

from heartbeat.demo.client import DemoClient
from heartbeat.demo.view import View, view
from heartbeat.domain.clock import utc_now
from heartbeat.secrets.key_hashes import KeyHashes
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.projects.projects import create_key, project_of_key, projects
from heartbeat.up.command import header, say, sign_in_line
from heartbeat.up.first_project import FirstProject
from heartbeat.up.preflight import CannotStart, data_directory
from heartbeat.up.run import prepare, run_stack
from heartbeat.up.sign_in import open_browser, sign_in_url
from heartbeat.up.stack import EmbeddedStack, embedded_stack
from heartbeat.up.supervisor import OWN_NAME

STATE_FILE, LOG_FILE = "demo.json", "demo.log"
POLL_SECONDS = 0.5


class DemoState(BaseModel):
    """What the demo remembers in its data directory, for itself alone."""

    key: str
    bot: str | None = None


@dataclass(frozen=True)
class Demo:
    """Everything the demo needs once the stack is ready."""

    settings: Settings
    opens_browser: bool
    stack: EmbeddedStack
    state_file: Path
    project_uuid: str
    state: DemoState
    console: Console


def run_demo(settings: Settings, opens_browser: bool) -> None:
    """Run the stack and the demo on it until Ctrl-C; raises `CannotStart`."""
    console = Console(emoji=False, highlight=False)
    state_file = settings.data_dir / STATE_FILE
    with data_directory(settings.data_dir), (settings.data_dir / LOG_FILE).open("w") as output:
        log = partial(_log_line, console, output)
        stack = embedded_stack(settings, workers=1)
        first = prepare(settings, log)
        for line in [*header(settings, stack, first), f"output    {output.name}", "starting …"]:
            say(console, Text(line))
        project_uuid, state = _sign_in(settings, first, _read_state(state_file))
        _write_state(state_file, state)
        demo = Demo(settings, opens_browser, stack, state_file, project_uuid, state, console)
        try:
            asyncio.run(run_stack(stack, log, _follow, demo))
        except httpx.HTTPError as problem:
            raise CannotStart(f"The API stopped answering ({problem!r}); its output is in {output.name}.") from problem
    say(console, Text("stopped; `make demo` carries on here, `make up` runs the same without the demo"))


def _log_line(console: Console, output: IO[str], name: str, line: str) -> None:
    """Write every line to the file, and those of the supervisor to the terminal too."""
    output.write(f"{name}: {line}\n")
    output.flush()
    if name == OWN_NAME:
        say(console, Text(line, "dim"))


async def _follow(demo: Demo) -> None:
    """Enable the demo's heartbeat, show its runs, and disable it at the end."""
    headers = {"Authorization": f"Bearer {demo.state.key}"}
    async with httpx.AsyncClient(base_url=demo.stack.api_url, headers=headers, trust_env=False, timeout=10) as http:
        client = DemoClient(http, demo.project_uuid)
        say(demo.console, Text(f"ready {demo.stack.api_url}", "bold green"))
        if await client.has_dashboard():
            await _open_dashboard(demo)
        bot_uuid = await client.ensure_bot(demo.state.bot, demo.stack.model)
        _write_state(demo.state_file, DemoState(key=demo.state.key, bot=bot_uuid))
        heartbeat = await client.start_heartbeat(bot_uuid)
        screen = view(demo.console)
        try:
            await client.trigger(bot_uuid, heartbeat.uuid)
            await _watch(client, bot_uuid, heartbeat.uuid, screen)
        finally:
            screen.close()
            # A model that costs money must not be asked every minute by a later `up`.
            with suppress(httpx.HTTPError, CannotStart, TimeoutError):
                await asyncio.wait_for(client.disable(bot_uuid, heartbeat.uuid), 1)


async def _open_dashboard(demo: Demo) -> None:
    """Print a link that signs in once, and open it where there is a browser to open it in."""
    url = await asyncio.to_thread(sign_in_url, demo.settings, demo.stack.api_url, demo.project_uuid)
    if url:
        say(demo.console, sign_in_line(url))
        if demo.opens_browser:
            open_browser(url)


async def _watch(client: DemoClient, bot_uuid: str, heartbeat_uuid: str, screen: View) -> None:
    while True:
        # While the API is being started again there is nothing new to show.
        with suppress(httpx.HTTPError):
            screen.show(await client.snapshot(bot_uuid, heartbeat_uuid))
        await asyncio.sleep(POLL_SECONDS)


def _sign_in(settings: Settings, first: FirstProject | None, state: DemoState | None) -> tuple[str, DemoState]:
    """Choose a project and a key of it: that of the settings, of last time, the one just made, else a new one."""
    keys = [
        settings.api_key.get_secret_value() if settings.api_key else None,
        state.key if state else None,
        first.secret if first else None,
    ]
    with closing(Database(settings.store_url())) as database:
        hashes, bot_uuid = KeyHashes.from_settings(settings), state.bot if state else None
        return database.write_now(_project_and_key, hashes, [key for key in keys if key], bot_uuid)


def _project_and_key(
    connection: Connection, hashes: KeyHashes, keys: list[str], bot_uuid: str | None
) -> tuple[str, DemoState]:
    now = utc_now()
    for key in keys:
        if project := project_of_key(connection, hashes.all(key), now):
            return project.uuid, DemoState(key=key, bot=bot_uuid)
    oldest = projects(connection)[0]
    new = create_key(connection, oldest, "Demo", now, secret=hashes.make())
    return oldest.uuid, DemoState(key=new.secret)


def _read_state(file: Path) -> DemoState | None:
    with suppress(FileNotFoundError, ValidationError):
        return DemoState.model_validate_json(file.read_text())
    return None


def _write_state(file: Path, state: DemoState) -> None:
    # Not to be read by others: it holds a key.
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
        output.write(state.model_dump_json())
