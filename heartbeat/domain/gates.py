"""A gate: what is looked at before a heartbeat's tick becomes a run, and what a look at it came to. Pure."""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from heartbeat.domain.field_types import Words
from heartbeat.domain.gate_fields import as_object, http_address, plain_arguments, require_one_source
from heartbeat.domain.headers import Headers
from heartbeat.domain.selectors import require_selectable

# Of a value that was read; what is longer is kept, and compared line by line, as far as this.
MAX_TEXT = 50_000

# What a look came to: the first value, the accepted one still, another one, or none, for the source failed.
Outcome = Literal["first", "unchanged", "changed", "failed"]


class Gate(BaseModel):
    """Where to look before a run: an address, or a tool that only reads. Without news the tick is skipped."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"url": "https://example.com/feed.json", "select": "/items"}]},
    )

    url: Annotated[Words, Field(max_length=2_000), AfterValidator(http_address)] | None = Field(
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
class Look:
    """What a source said: its `text`; `failure` in words; or, if it is neither, that the accepted value is still there.

    `etag` and `last_modified` are what the next look may ask with.
    """

    text: str | None = None
    failure: str | None = None
    etag: str | None = None
    last_modified: str | None = None

    @property
    def digest(self) -> str | None:
        """A hash of the text, by which two of them are told apart."""
        return None if self.text is None else sha256(self.text.encode(errors="replace")).hexdigest()


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
