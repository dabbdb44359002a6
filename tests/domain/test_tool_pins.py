"""What counts as a change of a tool, and what is the same written differently."""

from typing import Any

import pytest

from heartbeat.agents.tools.definitions import DiscoveredTool
from heartbeat.domain.tool_pins import is_as_pinned, pinned_entries

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "a": {"type": "string", "enum": ["x", "y"], "description": "A town."},
        "required": {"type": "integer", "minimum": 1, "default": {"title": "a  b"}},
    },
    "required": ["a", "required"],
}
PINNED = DiscoveredTool("book", "Books a table.\n  At once.", SCHEMA, {"readOnlyHint": True})
NUMBER: dict[str, Any] = SCHEMA["properties"]["required"]
TOWN: dict[str, Any] = {"description": "A  town.\n", "enum": ["y", "x"], "type": "string"}

SAME = {
    "as it was": PINNED,
    "white space": DiscoveredTool("book", "Books a table. At once. ", SCHEMA, {"readOnlyHint": True}),
    "order": DiscoveredTool(
        "book",
        PINNED.description,
        {"required": ["required", "a"], "properties": {**SCHEMA["properties"], "a": TOWN}, "type": "object"},
        {"readOnlyHint": True},
    ),
    "the dialect's name": DiscoveredTool(
        "book", PINNED.description, {"$schema": "http://json-schema.org/draft-07/schema#", **SCHEMA}, PINNED.annotations
    ),
    "nothing in place of nothing": DiscoveredTool(
        "book",
        PINNED.description,
        {**SCHEMA, "properties": {**SCHEMA["properties"], "required": {**NUMBER, "required": [], "properties": {}}}},
        PINNED.annotations,
    ),
    "a number": DiscoveredTool(
        "book",
        PINNED.description,
        {**SCHEMA, "properties": {**SCHEMA["properties"], "required": {**NUMBER, "minimum": 1.0}}},
        PINNED.annotations,
    ),
}
OTHER = {
    "an argument named like a keyword": DiscoveredTool(
        "book",
        PINNED.description,
        {**SCHEMA, "properties": {**SCHEMA["properties"], "$schema": {"type": "string"}}},
        PINNED.annotations,
    ),
    "a value that looks like a schema": DiscoveredTool(
        "book",
        PINNED.description,
        {**SCHEMA, "properties": {**SCHEMA["properties"], "required": {**NUMBER, "default": {"title": "a b"}}}},
        PINNED.annotations,
    ),
    "words": DiscoveredTool("book", "Books two tables. At once.", SCHEMA, PINNED.annotations),
    "a choice more": DiscoveredTool(
        "book",
        PINNED.description,
        {**SCHEMA, "properties": {**SCHEMA["properties"], "a": {**TOWN, "enum": ["x", "y", "z"]}}},
        PINNED.annotations,
    ),
    "no longer required": DiscoveredTool("book", PINNED.description, {**SCHEMA, "required": ["a"]}, PINNED.annotations),
    "a hint less": DiscoveredTool("book", PINNED.description, SCHEMA, {}),
    "the order of what has one": DiscoveredTool(
        "book", PINNED.description, {**SCHEMA, "examples": [{"a": "y"}, {"a": "x"}]}, PINNED.annotations
    ),
}


@pytest.mark.parametrize("now", SAME.values(), ids=SAME)
def test_what_reads_the_same_is_no_change(now: DiscoveredTool) -> None:
    [entry] = pinned_entries([PINNED], [])
    assert is_as_pinned(entry, now)


@pytest.mark.parametrize("now", OTHER.values(), ids=OTHER)
def test_what_reads_otherwise_is_one(now: DiscoveredTool) -> None:
    [entry] = pinned_entries([PINNED], [])
    assert not is_as_pinned(entry, now)
