"""What commands print: a few named values, or a list of rows, for people and for other programs."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from heartbeat.domain.text import spelled_turns


def print_values(values: Mapping[str, str | int], advice: str, as_json: bool) -> None:
    """Print a line for each value and one of advice, or JSON without the advice."""
    if as_json:
        typer.echo(json.dumps(values))
        return
    for name, value in values.items():
        typer.echo(f"{name:<8} {value}")
    typer.echo(advice)


def print_rows(columns: list[str], rows: Sequence[Sequence[str | int | None]], as_json: bool) -> None:
    """Print JSON, or a table on a terminal, or elsewhere lines with tabs between the fields."""
    if as_json:
        typer.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows]))
        return
    cells = [["" if value is None else str(value) for value in row] for row in rows]
    console = Console(emoji=False)
    if console.is_terminal:
        table = Table(*columns, box=None)
        for row in cells:
            table.add_row(*(escape(spelled_turns(cell)) for cell in row))
        console.print(table)
        return
    for row in cells:
        typer.echo("\t".join(row))


def print_error(message: str) -> None:
    """Print one line on stderr."""
    typer.echo(f"heartbeat: {' '.join(message.split())}", err=True)


def timestamp(moment: datetime | None) -> str | None:
    """Write a time (UTC) to the second as ISO 8601, such as 2026-11-27T09:00:00Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
