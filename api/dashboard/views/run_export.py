"""Runs as files: CSV for a table, JSON Lines for programs. A line at a time, so that the longest list takes no room."""

import csv
from collections.abc import AsyncIterator
from io import StringIO
from typing import Any

from sqlalchemy import Row

from api.responses import ApiResponse
from api.schemas.ratings import THUMBS
from api.schemas.run_query import show_listed
from heartbeat.settings import Settings

# The fields of a log that fit into a cell, before them what it belongs to.
CELLS = [
    *("started_at", "status", "skip_reason", "trigger", "dry_run", "bot", "heartbeat", "prompt", "response"),
    *("error_code", "error_message", "model", "duration_ms", "tokens_used", "credits_charged", "price", "cost_usd"),
    *("rating", "rating_note", "scheduled_for", "type", "uuid", "heartbeat_id", "bot_id"),
]
# Excel takes a file for UTF-8 only if it begins so.
BYTE_ORDER_MARK = "\ufeff"
# A cell that begins so is a formula to a spreadsheet, and a formula can send away what stands beside it.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


async def as_csv(runs: AsyncIterator[Row[Any]], settings: Settings) -> AsyncIterator[bytes]:
    """Write a head, and a line for each run."""
    yield (BYTE_ORDER_MARK + _csv_line(CELLS)).encode()
    async for run in runs:
        names = {"bot": run.bot_name, "heartbeat": run.heartbeat_label or ""}
        rating = {"rating": THUMBS.get(run.liked), "rating_note": run.rating_note}
        log = {**show_listed(run, settings), **names, **rating}
        yield _csv_line([_cell(log[name]) for name in CELLS]).encode("utf-8", "replace")


async def as_json_lines(runs: AsyncIterator[Row[Any]], settings: Settings) -> AsyncIterator[bytes]:
    """Write each run's `ListedRun` as a line."""
    async for run in runs:
        yield bytes(ApiResponse(show_listed(run, settings)).body) + b"\n"


def _csv_line(cells: list[str]) -> str:
    line = StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.lstrip(" ").startswith(FORMULA) else text
