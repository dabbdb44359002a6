"""What a tool server offered when it was connected, and how what it offers now differs. Pure."""

import difflib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

# Comparing takes time by the square of the lines, and a server may say what it likes.
MAX_LINES, MAX_CHARACTERS = 1_000, 50_000
FURTHER_DOWN = "(The difference is further down than is compared here.)"


class PinnedTool(Protocol):
    """One tool as its server describes it. `schema` is the JSON Schema of its arguments, `hash` of all of it."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def schema(self) -> dict[str, Any]: ...
    @property
    def annotations(self) -> dict[str, Any]: ...
    @property
    def hash(self) -> str: ...


def pinned_entries(discovered: Iterable[PinnedTool], before: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Make the entries of `Tool.tools` for what was discovered. What was switched off `before`, by name, stays off."""
    active = {entry["name"]: entry["is_active"] for entry in before}
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "input_schema": tool.schema,
            "annotations": tool.annotations,
            "hash": tool.hash,
            "is_active": active.get(tool.name, True),
            "changed": None,
        }
        for tool in discovered
    ]


def describe_change(entry: Mapping[str, Any], now: PinnedTool | None, seen_at: datetime) -> dict[str, Any]:
    """Describe what became of a pinned entry, for people to judge; `now` is `None` when its server has it no more."""
    old = _definition_lines(entry["description"], entry["input_schema"], entry["annotations"])
    new = [] if now is None else _definition_lines(now.description, now.schema, now.annotations)
    lines = list(difflib.unified_diff(old, new, "pinned", "now", lineterm=""))
    return {
        "difference": "\n".join(lines) if lines else FURTHER_DOWN,
        "gone": now is None,
        "seen_at": seen_at.isoformat(),
    }


def _definition_lines(description: str, schema: Mapping[str, Any], annotations: Mapping[str, Any]) -> list[str]:
    """Lay a definition out as lines: its description, its arguments, and its server's annotations."""
    parts = [description]
    for title, value in (("arguments", schema), ("annotations", annotations)):
        if value:
            parts += [f"{title}:", json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)]
    return "\n".join(parts)[:MAX_CHARACTERS].splitlines()[:MAX_LINES]
