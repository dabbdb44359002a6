"""What a tool server offered when it was connected, and how what it offers now differs. Pure."""

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

# Comparing takes time by the square of the lines, and a server may say what it likes.
MAX_LINES, MAX_CHARACTERS = 1_000, 50_000
# Their order has no meaning in a JSON Schema, and their text is the same however it is laid out.
SETS, TEXTS = {"required", "enum", "type"}, {"description", "title"}
# What has schemas by names of the server's own, and what has values that only look like schemas.
BY_NAME = {"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"}
VALUES = {"default", "const", "examples"}
SAME_AS_MISSING: dict[str, Any] = {"required": [], "properties": {}, "$schema": None}
FURTHER_DOWN = "(The difference is further down than is compared here.)"


class PinnedTool(Protocol):
    """One tool as its server describes it. `schema` is the JSON Schema of its arguments.

    `reads`: it is one of ours, which reads what the server has beside its tools.
    """

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def schema(self) -> dict[str, Any]: ...
    @property
    def annotations(self) -> dict[str, Any]: ...
    @property
    def reads(self) -> str | None: ...


def pinned_entries(discovered: Iterable[PinnedTool], before: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Make the entries of `Tool.tools` for what was discovered. What was switched off `before`, by name, stays off."""
    active = {entry["name"]: entry["is_active"] for entry in before}
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "input_schema": tool.schema,
            "annotations": tool.annotations,
            "is_active": active.get(tool.name, True),
            "changed": None,
            **({"reads": tool.reads} if tool.reads else {}),
        }
        for tool in discovered
    ]


def is_as_pinned(entry: Mapping[str, Any], now: PinnedTool) -> bool:
    """Whether a tool still is what was pinned: for a model it reads the same, however its server writes it down.

    What reads resources or prompts is ours, and may be described otherwise by another version of ours.
    """
    if entry.get("reads") or now.reads:
        return entry.get("reads") == now.reads
    pinned = (entry["description"], entry["input_schema"], entry["annotations"])
    return _canonical(pinned) == canonical(now)


def canonical(tool: PinnedTool) -> str:
    """Write a tool's definition, without its name, in the one form that all its spellings have."""
    return _canonical((tool.description, tool.schema, tool.annotations))


def _canonical(definition: tuple[str, Mapping[str, Any], Mapping[str, Any]]) -> str:
    description, schema, annotations = definition
    return json.dumps([" ".join(description.split()), _ordered(schema), annotations], sort_keys=True)


def _ordered(schema: Any) -> Any:
    """A schema in the one form that all its spellings have."""
    if isinstance(schema, list):
        return [_ordered(entry) for entry in schema]
    if isinstance(schema, float) and schema.is_integer():
        return int(schema)
    if not isinstance(schema, dict):
        return schema
    members = {name: _member(name, member) for name, member in schema.items()}
    return {
        name: member
        for name, member in members.items()
        if name not in SAME_AS_MISSING or member != SAME_AS_MISSING[name]
    }


def _member(name: str, member: Any) -> Any:
    if name in TEXTS and isinstance(member, str):
        return " ".join(member.split())
    if name in SETS and isinstance(member, list):
        return sorted(member, key=lambda entry: json.dumps(entry, sort_keys=True))
    if name in BY_NAME and isinstance(member, dict):
        return {inner: _ordered(schema) for inner, schema in member.items()}
    if name == "$schema":
        return None
    return member if name in VALUES else _ordered(member)


def describe_change(entry: Mapping[str, Any], now: PinnedTool | None, seen_at: datetime) -> dict[str, Any]:
    """Describe what became of a pinned entry, for people to judge; `now` is `None` when its server has it no more."""
    return {"difference": _difference(entry, now), "gone": now is None, "seen_at": seen_at.isoformat()}


@dataclass(frozen=True)
class ToolDifference:
    """A tool that is not as it was pinned; `text` is a unified diff, of a new tool its whole definition."""

    name: str
    kind: Literal["new", "gone", "changed"]
    text: str


def differences(entries: Iterable[Mapping[str, Any]], discovered: Iterable[PinnedTool]) -> list[ToolDifference]:
    """List how what a server offers now differs from what was pinned: what changed first, then what is gone, then new.

    What is merely written down otherwise is no difference.
    """
    pinned, now = {entry["name"]: entry for entry in entries}, {tool.name: tool for tool in discovered}
    both = [(entry, now[name]) for name, entry in pinned.items() if name in now]
    changed = [
        ToolDifference(entry["name"], "changed", _difference(entry, tool))
        for entry, tool in both
        if not is_as_pinned(entry, tool)
    ]
    gone = [ToolDifference(name, "gone", _difference(entry, None)) for name, entry in pinned.items() if name not in now]
    new = [ToolDifference(name, "new", _whole(tool)) for name, tool in now.items() if name not in pinned]
    return [*changed, *gone, *new]


def _difference(entry: Mapping[str, Any], now: PinnedTool | None) -> str:
    old = _definition_lines(entry["description"], entry["input_schema"], entry["annotations"])
    new = [] if now is None else _definition_lines(now.description, now.schema, now.annotations)
    lines = list(difflib.unified_diff(old, new, "pinned", "now", lineterm=""))
    return "\n".join(lines) if lines else FURTHER_DOWN


def _whole(tool: PinnedTool) -> str:
    return "\n".join(_definition_lines(tool.description, tool.schema, tool.annotations))


def _definition_lines(description: str, schema: Mapping[str, Any], annotations: Mapping[str, Any]) -> list[str]:
    """Lay a definition out as lines: its description, its arguments, and its server's annotations."""
    parts = [description]
    for title, value in (("arguments", schema), ("annotations", annotations)):
        if value:
            parts += [f"{title}:", json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)]
    return "\n".join(parts)[:MAX_CHARACTERS].splitlines()[:MAX_LINES]
