"""`heartbeat demo`: `up`, with a bot whose heartbeat fires every minute, followed until Ctrl-C."""

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.text import Text
from sqlalchemy import Connection

from heartbeat.demo.client import DemoClient
from heartbeat.demo.view import View, view
from heartbeat.settings import Settings
from heartbeat.store.database import Database
from heartbeat.store.projects.projects import create_key, project_of_key, projects
from heartbeat.up.command import header, say
from heartbeat.up.first import FirstKey
from heartbeat.up.preflight import CannotStart, data_directory
from heartbeat.up.run import prepare, run
from heartbeat.up.stack import EmbeddedStack, plan
from heartbeat.up.supervisor import OWN_NAME

KEPT, OUTPUT = "demo.json", "demo.log"
LOOK_EVERY = 0.5


class DemoState(BaseModel):
    """What the demo remembers in its data directory, for itself alone."""

    key: str
    bot: str | None = None


@dataclass(frozen=True)
class Demo:
    """Everything the demo needs once the stack is ready."""

    stack: EmbeddedStack
    file: Path
    project: str
    kept: DemoState
    console: Console


def demo(settings: Settings) -> None:
    """Run the stack and the demo on it until Ctrl-C; raises `CannotStart`."""
    console = Console(emoji=False, highlight=False)
    with data_directory(settings.data_dir), (settings.data_dir / OUTPUT).open("w") as output:

        def tell(name: str, line: str) -> None:
            output.write(f"{name}: {line}\n")
            output.flush()
            if name == OWN_NAME:
                say(console, Text(line, "dim"))

        stack = plan(settings, workers=1)
        first = prepare(settings, tell)
        for line in [*header(settings, stack, first), f"output    {output.name}", "starting …"]:
            say(console, Text(line))
        project, kept = _access(settings, first)
        show = Demo(stack, settings.data_dir / KEPT, project, kept, console)
        try:
            asyncio.run(run(stack, tell, lambda: _follow(show)))
        except httpx.HTTPError as problem:
            raise CannotStart(f"The API stopped answering ({problem!r}); its output is in {output.name}.") from problem
    say(console, Text("stopped; `make demo` carries on here, `make up` runs the same without the demo"))


async def _follow(show: Demo) -> None:
    """Set the demo's heartbeat going, show its runs, and switch it off at the end."""
    headers = {"Authorization": f"Bearer {show.kept.key}"}
    async with httpx.AsyncClient(base_url=show.stack.api_url, headers=headers, trust_env=False, timeout=10) as http:
        client = DemoClient(http, show.project)
        say(show.console, Text(f"ready {show.stack.api_url}", "bold green"))
        if await client.has_dashboard():
            say(show.console, Text(f"dashboard {show.stack.api_url}/ (sign in with the key in {show.file})"))
        bot = await client.bot(show.kept.bot, show.stack.model)
        _keep(show.file, DemoState(key=show.kept.key, bot=bot))
        heartbeat = (await client.heartbeat(bot)).uuid
        screen = view(show.console)
        try:
            await client.trigger(bot, heartbeat)
            await _watch(client, bot, heartbeat, screen)
        finally:
            screen.close()
            # A model that costs money must not be asked every minute by a later `up`.
            with suppress(httpx.HTTPError, CannotStart, TimeoutError):
                await asyncio.wait_for(client.disable(bot, heartbeat), 1)


async def _watch(client: DemoClient, bot: str, heartbeat: str, screen: View) -> None:
    while True:
        # While the API is being started again there is nothing new to show.
        with suppress(httpx.HTTPError):
            screen.show(await client.snapshot(bot, heartbeat))
        await asyncio.sleep(LOOK_EVERY)


def _access(settings: Settings, first: FirstKey | None) -> tuple[str, DemoState]:
    """The project to use and a key of it: of the settings, of last time, the one just made, else a new one."""
    kept = _kept(settings.data_dir / KEPT)
    given = settings.api_key.get_secret_value() if settings.api_key else None
    usable = [key for key in (given, kept.key if kept else None, first.secret if first else None) if key]

    def work(connection: Connection) -> tuple[str, DemoState]:
        for key in usable:
            if project := project_of_key(connection, key):
                return project.uuid, DemoState(key=key, bot=kept.bot if kept else None)
        oldest = projects(connection)[0]
        return oldest.uuid, DemoState(key=create_key(connection, oldest, "Demo", datetime.now(UTC)).secret)

    database = Database(settings.store_url())
    try:
        project, found = database.write_now(work)
    finally:
        database.close()
    _keep(settings.data_dir / KEPT, found)
    return project, found


def _kept(file: Path) -> DemoState | None:
    with suppress(FileNotFoundError, ValidationError):
        return DemoState.model_validate_json(file.read_text())
    return None


def _keep(file: Path, kept: DemoState) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(kept.model_dump_json())
