"""A gate: what is looked at before a heartbeat's tick becomes a run, and what a look at it came to. Pure."""

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from heartbeat.domain.changes import difference, normalised
from heartbeat.domain.contracts import SkipReason
from heartbeat.domain.field_types import Words, written_as
from heartbeat.domain.first_message import gate_changed, gate_failed, gate_first, gate_unchanged, shortened
from heartbeat.domain.gate_fields import as_object, plain_arguments, require_one_source
from heartbeat.domain.headers import Headers
from heartbeat.domain.redaction import shown_address
from heartbeat.domain.selectors import require_selectable
from heartbeat.domain.web_addresses import PATTERN, web_address

# Of a value that was read; what is longer is kept, and compared line by line, as far as this.
MAX_TEXT = 50_000
# Of the words in which a source fails, which may be its own.
MAX_FAILURE = 1_000

# What a look came to: the first value, the accepted one still, another one, or none, for the source failed.
Outcome = Literal["first", "unchanged", "changed", "failed"]


def _address(value: str) -> str:
    return web_address(value, "https://example.com/feed.json")


# As `require_one_source` says it in words.
A_URL: dict[str, Any] = {"required": ["url"], "properties": {"url": {"type": "string"}}}
A_TOOL: dict[str, Any] = {"required": ["tool"], "properties": {"tool": {"type": "string"}}}
OF_URL: dict[str, Any] = {"allOf": [A_URL, {"properties": {"tool": {"type": "null"}, "arguments": {"type": "null"}}}]}
OF_TOOL: dict[str, Any] = {
    "allOf": [A_TOOL, {"properties": {"url": {"type": "null"}, "headers": {"enum": [None, {}]}}}]
}


class Gate(BaseModel):
    """Where to look before a run: an address, or a tool that only reads. Without news the tick is skipped."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"url": "https://example.com/feed.json", "select": "/items"}],
            "anyOf": [OF_URL, OF_TOOL],
        },
    )

    url: Annotated[Words, Field(max_length=2_000), AfterValidator(_address), written_as(PATTERN)] | None = Field(
        None,
        description="An http or https address to read, instead of a tool.",
        examples=["https://example.com/feed.json"],
    )
    headers: Headers | None = Field(
        None,
        description="Sent to the address. They are kept encrypted and never answered; null forgets them.",
        examples=[{}],
    )
    header_names: list[str] = Field(
        default_factory=list,
        description="The names of the headers that are kept. It is answered; sent, it says nothing.",
        examples=[["Authorization"]],
    )
    tool: Annotated[Words, Field(max_length=255)] | None = Field(
        None,
        description="A connected tool to call instead of an address, as the model knows it (`label__tool`). Its server "
        "must declare that it only reads.",
        examples=[None],
    )
    arguments: Annotated[dict[str, Any], AfterValidator(plain_arguments)] | None = Field(
        None, description="What the tool is called with.", examples=[None]
    )
    select: Annotated[Words, Field(max_length=500), AfterValidator(require_selectable)] | None = Field(
        None,
        description="The part that counts: a JSON pointer (`/items/0/id`) or a CSS selector (`main article`). Left "
        "out, all of it.",
        examples=["/items"],
    )
    on_error: Literal["run", "skip"] = Field(
        "run", description="What becomes of a tick when the source fails.", examples=["run"]
    )
    on_first: Literal["run", "skip"] = Field(
        "run",
        description="What becomes of the first tick, of which nothing is known to compare with; `skip` takes note of "
        "what is there.",
        examples=["run"],
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        require_one_source(self.url, self.tool, bool(self.headers), self.arguments is not None)
        return self

    def kept(self) -> dict[str, Any]:
        """Return what the heartbeat's row keeps of it: all but the headers."""
        return self.model_dump(exclude={"headers", "header_names"})

    def sent_headers(self) -> dict[str, str] | None:
        """Return the headers that are to be kept, none to forget those that are; `None` leaves them as they are."""
        if self.headers is None:
            return {} if "headers" in self.model_fields_set else None
        return self.headers or None


GateField = Annotated[Gate, BeforeValidator(as_object)]


@dataclass(frozen=True)
class SealedHeaders:
    """Headers of a gate as they are kept: their names, and all of it sealed for `id`."""

    id: str
    names: list[str]
    sealed: str


@dataclass(frozen=True)
class Accepted:
    """The value that the next one is compared with, as the reading `reading_id` had it; `text` is its beginning."""

    source: str
    reading_id: int
    digest: str
    text: str
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a source said: its `text`; `failure` in words; or, if it is neither, that the accepted value is still there.

    `etag` and `last_modified` are what the next look may ask with.
    """

    text: str | None = None
    failure: str | None = None
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class Look:
    """One look at a gate. `compared_with` is the reading whose value was the accepted one; `change` a difference.

    `text` is the beginning of a value that is news, `failure` why there is none.
    """

    outcome: Outcome
    source: str
    compared_with: int | None = None
    digest: str | None = None
    text: str | None = None
    change: str = ""
    failure: str | None = None
    etag: str | None = None
    last_modified: str | None = None


def look_of(gate: dict[str, Any], accepted: Accepted | None, answer: Answer) -> Look:
    """Compare what the source of a gate said with the accepted value of that source, if there is one."""
    known = accepted.reading_id if accepted else None
    look = Look("unchanged", source_of(gate), known, etag=answer.etag, last_modified=answer.last_modified)
    if answer.failure is not None:
        return replace(look, outcome="failed", failure=shortened(normalised(answer.failure), MAX_FAILURE))
    if answer.text is None:
        assert accepted is not None, "what is unchanged is so since something"
        return replace(look, digest=accepted.digest)
    text = answer.text[:MAX_TEXT]
    look = replace(look, digest=sha256(answer.text.encode(errors="replace")).hexdigest())
    if accepted is None:
        return replace(look, outcome="first", text=text, change=difference("", text))
    if look.digest == accepted.digest:
        return look
    return replace(look, outcome="changed", text=text, change=difference(accepted.text, text))


def name_of(gate: dict[str, Any]) -> str:
    """Return what the source of a gate is called: its address, without what may be a secret of it, or its tool."""
    return str(gate["tool"] or shown_address(gate["url"]))


def words_of(gate: dict[str, Any], look: Look) -> str:
    """Return what a run is told of the look at its gate."""
    name = name_of(gate)
    match look.outcome:
        case "first":
            return gate_first(name, look.change)
        case "changed":
            return gate_changed(name, look.change)
        case "failed":
            return gate_failed(name, look.failure or "")
    return gate_unchanged(name)


def skip_reason(gate: dict[str, Any], look: Look) -> SkipReason | None:
    """Return why the tick is skipped after a look; `None` if it is not."""
    if look.outcome == "unchanged" or (look.outcome == "first" and gate["on_first"] == "skip"):
        return "unchanged"
    return "gate_failed" if look.outcome == "failed" and gate["on_error"] == "skip" else None


def shown_gate(gate: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a row's gate as it is answered."""
    if gate is None:
        return None
    shown = {name: gate.get(name, field.default) for name, field in Gate.model_fields.items()}
    return shown | {"headers": {}, "header_names": gate.get("header_names", [])}


def source_of(gate: dict[str, Any]) -> str:
    """Return a hash of what is looked at, whatever becomes of it: a value of another source is nothing to compare."""
    parts = [gate.get(name) for name in ("url", "tool", "arguments", "select")]
    return sha256(json.dumps(parts, sort_keys=True).encode(errors="replace")).hexdigest()


def looks_elsewhere(before: dict[str, Any] | None, after: dict[str, Any] | None) -> bool:
    """Whether there was a gate, and it looks at another source by now, or is gone."""
    return before is not None and (after is None or source_of(before) != source_of(after))
