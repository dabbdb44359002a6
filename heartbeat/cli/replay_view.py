"""`heartbeat replay`: a run and its replay, side by side."""

import asyncio
import json
import sys
from contextlib import closing
from dataclasses import asdict
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from heartbeat.agents.model_names import resolve_model
from heartbeat.cli.database import opened_database
from heartbeat.settings import Settings

ABOUT = (
    "Asked with the keys of this machine's settings. Nothing but the model was called; nothing is written or charged."
)
MIN_WIDTH = 100


def replay_run(settings: Settings, run_uuid: str, prompt: str | None, model: str | None, as_json: bool) -> None:
    """Replay a run and print both; exit code 1 when the replay did not succeed. Raises `NotFound` or `Conflict`."""
    columns = asyncio.run(_replay(settings, run_uuid, prompt, model))
    if as_json:
        typer.echo(json.dumps(columns))
    else:
        print_comparison(columns)
    if columns["replay"]["ended"] != "success":
        sys.exit(1)


async def _replay(
    settings: Settings, run_uuid: str, prompt: str | None, model: str | None
) -> dict[str, dict[str, Any]]:
    # The model libraries take a second to load; the other commands do without.
    from heartbeat.cli import replay

    with closing(opened_database(settings)) as database:
        original = await database.read(replay.read_original, run_uuid)
    model = resolve_model(model, settings) if model else original.run.model
    prompt = original.run.prompt if prompt is None else prompt
    column = await replay.replay(original, prompt, model, settings)
    pair = {"original": replay.original_column(original), "replay": column}
    return {name: {**asdict(one), "price": settings.price(one.credits)} for name, one in pair.items()}


def print_comparison(columns: dict[str, dict[str, Any]]) -> None:
    """Print a table of the run and its replay side by side."""
    console = Console(emoji=False)
    if not console.is_terminal:
        console = Console(emoji=False, width=max(console.width, MIN_WIDTH))
    table = Table("", "the run", "the replay", show_lines=True)
    for name in ("model", "prompt", "ended", "answer", "calls", "steps", "tokens", "credits"):
        table.add_row(name, *(escape(_text(column[name])) for column in columns.values()))
    if columns["replay"]["price"] is not None:
        table.add_row("price", *(column["price"] for column in columns.values()))
    console.print(table)
    console.print(ABOUT)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(_call(call) for call in value) or "none"
    return str(value)


def _call(call: dict[str, Any]) -> str:
    arguments = json.dumps(call["arguments"], ensure_ascii=False)
    return f"{call['tool']} {arguments}{'' if call['recorded'] else ' (not in the recording)'}"
