"""What a heartbeat's owner expects of every run: the field `expect`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from typing_extensions import TypedDict

from heartbeat.domain.field_types import Words
from heartbeat.domain.json_schemas import read_json_schema, require_json_schema
from heartbeat.domain.patterns import require_pattern

MAX_TOOLS = 20
SCHEMA_EXAMPLE = {"type": "object", "required": ["open"], "properties": {"open": {"type": "integer"}}}


def _no_part_is_required(schema: dict[str, Any]) -> None:
    """In answers neither, whatever the object says that has an expectation."""
    schema.pop("required", None)


PARTS = ConfigDict(extra="forbid", json_schema_extra=_no_part_is_required)


class ExpectedAnswer(TypedDict, total=False):
    """What the last answer of every run has to be like."""

    __pydantic_config__ = PARTS  # type: ignore[misc]

    matches: Annotated[
        Annotated[Words, AfterValidator(require_pattern)] | None,
        Field(
            description="A regular expression that is found in it, in the syntax of RE2 and Rust: without look-around "
            "and back references, at most 500 characters.",
            examples=["^(OK|ALARM): "],
        ),
    ]
    json_schema: Annotated[
        Annotated[dict[str, Any], BeforeValidator(read_json_schema), AfterValidator(require_json_schema)] | None,
        Field(
            description="It is JSON that fits this JSON Schema (draft 2020-12, at most 20,000 characters, references "
            "only within it).",
            examples=[SCHEMA_EXAMPLE],
        ),
    ]


class Expectation(TypedDict, total=False):
    """What makes a run of a heartbeat a success, beside that nothing went wrong."""

    __pydantic_config__ = PARTS  # type: ignore[misc]

    report: Annotated[
        Literal["required"] | None,
        Field(description="`required`: its agent called `report`.", examples=["required"]),
    ]
    called: Annotated[
        list[Annotated[Words, Field(max_length=200)]] | None,
        Field(
            max_length=MAX_TOOLS,
            description="Tools, by the names that the model is offered them under, each of which was called and "
            "succeeded.",
            examples=[["desk__close_ticket"]],
        ),
    ]
    answer: Annotated[
        ExpectedAnswer | None,
        Field(description="What its last answer is like.", examples=[{"matches": "^(OK|ALARM): "}]),
    ]


def compact(expect: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Leave out what is not expected; nothing at all is `None`."""
    if not expect:
        return None
    answer = {name: value for name, value in (expect.get("answer") or {}).items() if value is not None}
    parts = {
        "report": expect.get("report"),
        "called": list(dict.fromkeys(expect.get("called") or ())),
        "answer": answer,
    }
    return {name: value for name, value in parts.items() if value} or None


ExpectationField = Annotated[Expectation | None, AfterValidator(compact)]
