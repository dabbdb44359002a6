"""Requests about the keys of a project, and the key object."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.responses import moment
from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import Key, OfProject, wrong_field
from api.schemas.pages import PageNumber, PerPage
from api.schemas.response_fields import CreatedAt, PaginationField, Total
from heartbeat.domain.field_types import WHOLE, Instant, Positive, Words
from heartbeat.domain.key_secrets import PREFIX
from heartbeat.domain.scopes import PRESETS, Scope
from heartbeat.store.projects.key_rights import AskedRights
from heartbeat.store.projects.keys import GRACE, MAX_GRACE
from heartbeat.store.tables.projects import ApiKey

Preset = Literal["viewer", "operator", "editor", "admin"]
ScopeName = Literal["read", "run", "write", "approve", "admin"]
MAX_BOTS = 100
HOUR = 3600

NAME = "What the key is for."
A_KEY = PREFIX + "x" * 40
BEGINS = A_KEY[:8]


A_PRESET: dict[str, Any] = {"required": ["preset"], "properties": {"preset": {"type": "string"}}}
SOME_SCOPES: dict[str, Any] = {"required": ["scopes"], "properties": {"scopes": {"type": "array", "minItems": 1}}}


class KeyFields(BaseModel):
    """What a key is made with; the scopes or the preset that stands for some of them have to be named."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [A_PRESET, SOME_SCOPES]})

    name: Annotated[Words, Field(max_length=200)] = Field(description=NAME, examples=["Nightly export"])
    preset: Preset | None = Field(
        None,
        description="What people call the usual scopes: viewer (read), operator (read, run, approve), editor (those "
        "and write) or admin (everything).",
        examples=["viewer"],
    )
    scopes: list[ScopeName] | None = Field(
        None,
        description="What it may do, in place of a preset: `read`, `run`, `write`, `approve`, or `admin` for all.",
        examples=[["read", "run"]],
    )
    bot_ids: Annotated[list[Key], Field(min_length=1, max_length=MAX_BOTS)] | None = Field(
        None,
        description="The bots that it is for; null: all of the project, and what is of the project itself.",
        examples=[[examples.BOT]],
    )
    expires_at: Instant | None = Field(
        None, description="When it ends by itself; null: never.", examples=[examples.NEXT]
    )

    requests_per_minute: Positive | None = Field(
        None, description="How many requests a minute it may send; null: as many as the plan allows.", examples=[30]
    )

    @model_validator(mode="after")
    def _says_what_it_may_do(self) -> "KeyFields":
        if (self.preset is None) == (not self.scopes):
            raise wrong_field("scopes", "name the scopes or a preset")
        return self

    def rights(self) -> AskedRights:
        """Return what the key is asked for with."""
        scopes = PRESETS[self.preset] if self.preset else map(Scope, self.scopes or ())
        return AskedRights(frozenset(scopes), self.bot_ids, self.expires_at, self.requests_per_minute)


class CreateKey(KeyFields, OfProject):
    """Makes a key. A limit under another name would be none: what is not known is refused here."""

    model_config = ConfigDict(extra="forbid")


class OfKey(OfProject):
    key_id: Key = Field(description="The key's id (`key_…`), which is not the key itself.", examples=[examples.KEY])


class RotateKey(OfKey):
    model_config = ConfigDict(extra="forbid")

    grace_hours: Annotated[int, Field(ge=0, le=int(MAX_GRACE.total_seconds()) // HOUR), WHOLE] = Field(
        int(GRACE.total_seconds()) // HOUR, description="For how many hours the old key still works.", examples=[24]
    )


class ListKeys(OfProject):
    page: PageNumber = 1
    per_page: PerPage = 20


class KeyObject(Answered):
    """A key, without what opens the project."""

    id: str = Field(description="The key's id.", examples=[examples.KEY])
    name: str = Field(description=NAME, examples=["Nightly export"])
    begins: str = Field(
        description="How the key itself begins; empty for a short one of somebody's own choice.", examples=[BEGINS]
    )
    state: str = Field(description="works, expired or revoked.", examples=["works"])
    preset: str | None = Field(description="What its scopes are called; null: nothing.", examples=["viewer"])
    scopes: list[str] = Field(description="What it may do; `admin` is everything.", examples=[["read"]])
    bot_ids: list[str] | None = Field(
        description="The bots that it is for, but those that were deleted; null: all of the project.",
        examples=[[examples.BOT]],
    )
    created_at: CreatedAt
    expires_at: str | None = Field(description="When it ends by itself; null: never.", examples=[examples.NEXT])
    replaced_at: str | None = Field(
        description="When another was made in its place; null: that was not done.", examples=[examples.DUE]
    )
    revoked_at: str | None = Field(description="When it was revoked; null: it was not.", examples=[examples.ENDED])
    last_used_at: str | None = Field(
        description="When it was used last, right to the hour; null: never.", examples=[examples.DUE]
    )
    last_used_from: str | None = Field(
        description="The IP address that it was used from then; null: it is not known.", examples=["203.0.113.7"]
    )
    requests_per_minute: int | None = Field(
        description="How many requests a minute it may send; null: as many as the plan allows.", examples=[30]
    )


class NewKeyObject(KeyObject):
    secret: str = Field(description="The key itself. It is shown this once.", examples=[A_KEY])


KEY = example(KeyObject, replaced_at=None, revoked_at=None)
NEW = KEY | {"secret": A_KEY, "last_used_at": None, "last_used_from": None}


class MadeKey(Answered):
    key: NewKeyObject = Field(description="The new key.", examples=[NEW])


class RotatedKey(MadeKey):
    replaces: KeyObject = Field(
        description="The old one, and when it ends.", examples=[KEY | {"replaced_at": examples.DUE}]
    )


class OneKey(Answered):
    key: KeyObject = Field(description="The key.", examples=[KEY | {"state": "revoked", "revoked_at": examples.ENDED}])


class AllKeys(Answered):
    total: Total
    keys: list[KeyObject] = Field(description="Those of the page, those that work first.", examples=[[KEY]])
    pagination: PaginationField


def key_state(key: ApiKey, now: datetime) -> str:
    """Return whether a key works: works, expired or revoked."""
    if key.revoked_at:
        return "revoked"
    return "expired" if key.expires_at and key.expires_at <= now else "works"


def preset_of(key: ApiKey) -> str | None:
    """Return what people call the scopes of a key; `None` for other ones than the usual."""
    return next((preset for preset, scopes in PRESETS.items() if " ".join(scopes) == key.scopes), None)


def show_key(key: ApiKey, bots: dict[int, tuple[str, str]], now: datetime) -> dict[str, Any]:
    """The `KeyObject` of a row; `bots` are the ids and names of bots by their numbers."""
    return {
        "id": key.uuid,
        "name": key.name,
        "begins": key.prefix,
        "state": key_state(key, now),
        "preset": preset_of(key),
        "scopes": key.scopes.split(),
        "bot_ids": None if key.bot_ids is None else [bots[one][0] for one in key.bot_ids if one in bots],
        "created_at": moment(key.created_at),
        "expires_at": moment(key.expires_at),
        "replaced_at": moment(key.replaced_at),
        "revoked_at": moment(key.revoked_at),
        "last_used_at": moment(key.last_used_at),
        "last_used_from": key.last_used_from,
        "requests_per_minute": key.requests_per_minute,
    }
