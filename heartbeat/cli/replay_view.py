"""`heartbeat replay`: a run and its replay, side by side."""

import asyncio
import json
import sys
from contextlib import closing
from dataclasses import asdict
from functools import partial
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from heartbeat.agents.model import resolve
from heartbeat.settings import Settings
from heartbeat.store.database import Database

ABOUT = (
    "Asked with the keys of this machine's settings. Nothing but the model was called; nothing is written or charged."
)
NARROWEST = 100


def run(settings: Settings, uuid: str, prompt: str | None, model: str | None, as_json: bool) -> None:
    """Replay a run and print both; exit code 1 when the replay did not succeed. Raises `NotFound` or `Conflict`."""
    both = asyncio.run(_replay(settings, uuid, prompt, model))
    if as_json:
        typer.echo(json.dumps(both))
    else:
        show(both)
    if both["replay"]["ended"] != "success":
        sys.exit(1)


async def _replay(settings: Settings, uuid: str, prompt: str | None, model: str | None) -> dict[str, dict[str, Any]]:
    # The model libraries take a second to load; the other commands do without.
    from heartbeat.cli import replay

    with closing(Database(settings.store_url())) as database:
        found = await database.read(partial(_original, uuid))
    wanted = resolve(model, settings) if model else found.run.model
    replayed = await replay.replay(found, prompt if prompt is not None else found.run.prompt, wanted, settings)
    return {"original": asdict(replay.as_it_was(found)), "replay": asdict(replayed)}


def _original(uuid: str, connection: Any) -> Any:
    from heartbeat.cli import replay

    return replay.original(connection, uuid)


def show(both: dict[str, dict[str, Any]]) -> None:
    """A table of two columns, and what was asked of whom."""
    console = Console(emoji=False)
    if not console.is_terminal:
        console = Console(emoji=False, width=max(console.width, NARROWEST))
    table = Table("", "the run", "the replay", show_lines=True)
    for name in ("model", "prompt", "ended", "answer", "calls", "steps", "tokens", "credits"):
        table.add_row(name, *(escape(_text(side[name])) for side in both.values()))
    console.print(table)
    console.print(ABOUT)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(_call(call) for call in value) or "none"
    return str(value)


def _call(call: dict[str, Any]) -> str:
    arguments = json.dumps(call["arguments"], ensure_ascii=False)
    return f"{call['tool']} {arguments}{'' if call['recorded'] else ' (not in the recording)'}"
