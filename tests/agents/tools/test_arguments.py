"""Arguments as models write them, and what their tool is given."""

import json
from typing import Any

import pytest

from heartbeat.agents.tools.arguments import read_arguments
from heartbeat.agents.tools.built_in.tools import TOOLS, call_built_in
from heartbeat.settings import Settings

TEXT, WHOLE, YES = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
OBJECT = {"type": "object", "properties": {"n": WHOLE}}
TEXTS = {"type": "array", "items": TEXT}
LEVEL = {"type": "string", "enum": ["ok", "nothing_to_report"]}
OR_NOTHING = {"anyOf": [{"type": "string", "pattern": "^https?://"}, {"type": "null"}]}

MEANT: list[tuple[Any, Any, Any]] = [
    (OBJECT, '{"n": 1}', {"n": 1}),
    (OBJECT, '```json\n{"n": "1"}\n```', {"n": 1}),
    (TEXTS, '["a", "b"]', ["a", "b"]),
    (TEXTS, "monday, friday", ["monday", "friday"]),
    (TEXTS, "monday", ["monday"]),
    ({"type": "array", "items": WHOLE}, "1, 2", [1, 2]),
    ({"type": "array", "items": WHOLE}, 7, [7]),
    ({"type": "array", "items": OBJECT}, {"n": "1"}, [{"n": 1}]),
    (WHOLE, "20", 20),
    (WHOLE, 20.0, 20),
    (WHOLE, "20.0", 20),
    ({"type": "number"}, "1.5", 1.5),
    (YES, "True", True),
    (YES, "no", False),
    (TEXT, 7, "7"),
    (LEVEL, "OK", "ok"),
    (LEVEL, "Nothing to report", "nothing_to_report"),
    ({"type": ["integer", "null"]}, "null", None),
    ({"type": ["number", "null"]}, 7, 7),
    ({"anyOf": [WHOLE, {"type": "null"}]}, "5", 5),
    ({"$ref": "#/$defs/level"}, "OK", "ok"),
    ({"enum": [1, 2]}, "2", 2),
    ({"type": "array", "items": {"$ref": "#/$defs/level"}}, "OK", ["ok"]),
    ({"allOf": [{"$ref": "#/$defs/level"}], "description": "how it went"}, "OK", "ok"),
    ({"const": "ok"}, "OK", "ok"),
    ({"$ref": "#/$defs/a~1b%20c"}, "2", 2),
    ({"$ref": "#/properties/y/anyOf/0"}, "2", 2),
    ({"type": "object", "additionalProperties": WHOLE}, {"n": "20"}, {"n": 20}),
    ({"type": "array", "prefixItems": [WHOLE, TEXT], "items": YES}, ["1", "1", "yes"], [1, "1", True]),
    ({"anyOf": [OBJECT, {"type": "array", "items": OBJECT}, {"type": "null"}]}, [{"n": "1"}], [{"n": 1}]),
]


@pytest.mark.parametrize(("schema", "written", "meant"), MEANT)
def test_what_the_schema_leaves_no_doubt_of_is_taken(schema: Any, written: Any, meant: Any) -> None:
    assert given(schema, written, required=True) == {"x": meant}


STAY: list[tuple[Any, Any]] = [
    (TEXT, '{"n": 1}'),
    (TEXT, "null"),
    (TEXT, ""),
    (TEXT, "monday, friday"),
    ({"anyOf": [TEXT, OBJECT]}, '{"n": 1}'),
    ({"anyOf": [LEVEL, TEXT]}, "OK"),
    ({"anyOf": [{"type": "array", "items": WHOLE}, TEXTS]}, ["1"]),
    ({"oneOf": [OBJECT, {"type": "object", "properties": {"n": TEXT}}]}, {"n": "1"}),
    ({"$ref": "#/properties/y/anyOf/9"}, "2"),
    ({}, "20"),
    ({"description": "anything"}, "null"),
    (OBJECT, "not json"),
    (OBJECT, [1]),
    (WHOLE, "twenty"),
    (WHOLE, 20.5),
    (WHOLE, True),
    (YES, "maybe"),
    (YES, 1),
    (LEVEL, "fine"),
    ({"type": "array", "items": OBJECT}, "none"),
    ({"type": "string", "enum": ["a-b", "a_b"]}, "A B"),
    (TEXT, {"n": 1}),
    (TEXT, True),
]


@pytest.mark.parametrize(("schema", "written"), STAY)
def test_what_fits_and_what_fits_in_no_way_stays(schema: Any, written: Any) -> None:
    assert given(schema, written, required=True) == {"x": written}


@pytest.mark.parametrize(
    ("schema", "written"),
    [(TEXT, None), (WHOLE, "null"), (WHOLE, ""), (TEXTS, "none"), (OR_NOTHING, ""), (OR_NOTHING, "None"), (LEVEL, "")],
)
def test_an_argument_that_says_nothing_is_left_out_where_it_may_be(schema: Any, written: Any) -> None:
    assert given(schema, written, required=False) == {}
    assert given(schema, written, required=True) != {}


def test_null_stays_where_it_is_taken() -> None:
    assert given({"type": ["string", "null"]}, None, required=False) == {"x": None}
    assert given({}, None, required=False) == {"x": None}


def to(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


@pytest.mark.parametrize(
    "definitions",
    [
        {"0": {"allOf": [to("0")]}},
        {"0": {"anyOf": [to("1"), TEXT]}, "1": {"oneOf": [to("0"), WHOLE]}},
    ],
)
def test_references_in_a_circle_leave_a_value_as_it_is(definitions: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"x": to("0")}, "$defs": definitions}
    assert read_arguments('{"x": "1"}', schema) == {"x": "1"}


def test_a_server_cannot_have_its_schema_read_for_ever() -> None:
    """Each definition leads to the next by two ways, and of two blanks the pattern can take one or both, or none."""
    definitions = {str(number): {"anyOf": [to(str(number + 1))] * 2} for number in range(64)}
    schema = {"type": "object", "properties": {"x": to("0")}, "$defs": {**definitions, "64": WHOLE}}
    assert read_arguments('{"x": "1"}', schema) == {"x": 1}
    schema = {"type": "object", "properties": {"x": {"type": "string", "pattern": r"^(\s|\s\s)*x"}}}
    assert read_arguments(json.dumps({"x": f"{' ' * 200}null"}), schema) == {}


def given(schema: Any, written: Any, required: bool) -> dict[str, Any] | None:
    either = {"anyOf": [WHOLE, YES]}
    whole = {"type": "object", "properties": {"x": schema, "y": either}, "$defs": {"level": LEVEL, "a/b c": WHOLE}}
    whole |= {"required": ["x"]} if required else {}
    return read_arguments(json.dumps({"x": written}), whole)


@pytest.mark.parametrize(
    ("written", "arguments"),
    [
        ("", {}),
        ("null", {}),
        ("[]", {}),
        ('"{}"', {}),
        ('"{\\"x\\": \\"1\\"}"', {"x": 1}),
        ("[1]", None),
        ("7", None),
        ("half {", None),
        ('{"unknown": "1"}', {"unknown": "1"}),
        ("[" * 100_000, None),
    ],
)
def test_arguments_are_an_object_or_nothing(written: str, arguments: dict[str, Any] | None) -> None:
    assert read_arguments(written, {"type": "object", "properties": {"x": WHOLE}}) == arguments


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("report", {"outcome": "Nothing to report", "summary": "Quiet.", "findings": None}),
    (
        "report",
        {"outcome": "OK", "summary": "One.", "findings": '[{"title": "a", "severity": "WARNING", "fingerprint": 7}]'},
    ),
    ("notify_user", {"title": "a", "message": "b", "priority": "Urgent", "action_url": ""}),
    ("recall", {"query": None}),
    (
        "schedule_task",
        {
            "name": "a",
            "prompt": "b",
            "schedule_type": "Weekly",
            "schedule_config": '{"days": "monday, friday", "time": "09:00"}',
            "max_executions": 20.0,
            "timezone": "null",
        },
    ),
]


@pytest.mark.parametrize(("name", "written"), CALLS)
async def test_the_built_in_tools_take_what_models_write(
    name: str, written: dict[str, Any], settings: Settings
) -> None:
    arguments = read_arguments(json.dumps(written), TOOLS[name].definition.schema)
    assert arguments is not None
    called = await call_built_in(name, arguments, settings)
    assert called.outcome == "ok", called.text
