"""Requests about bots, and the bot object."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from api.responses import moment
from api.schemas.fields import OfBot, OfProject, PlainObject
from api.schemas.pages import PageNumber, Pagination, PerPage
from heartbeat.agents.model import choose_default_model
from heartbeat.domain.field_types import Flag, Text, Whole, Words
from heartbeat.settings import Settings
from heartbeat.store.tables.bots import Bot

COLUMNS = ("name", "model", "instruction", "status", "heartbeat", "max_reply_tokens")

Short = Annotated[Text, Field(max_length=500)]
Long = Annotated[Text, Field(max_length=20_000)]


class Attributes(OfProject):
    """Published fields that are kept, so that clients read back what they wrote; all but two mean nothing here."""

    subdomain: Short | None = None
    avatar: Short | None = None
    reasoning_type: Short | None = None
    top: Whole | None = None
    ratelimit_message: Long | None = None
    ratelimit_seconds: Whole | None = None
    ratelimit_requests: Whole | None = None
    no_answer_reply: Long | None = None
    require_login: Flag | None = None
    memory: Flag | None = Field(None, description="Whether its runs have the tools remember, recall and forget.")
    tasks: Flag | None = Field(None, description="Whether its runs have the tool schedule_task.")
    hide_branding: Flag | None = None
    branding: PlainObject | None = None

    def attributes(self) -> dict[str, Any]:
        """Those that were given, as they are answered: booleans as 0 and 1."""
        given = {name: getattr(self, name) for name in ATTRIBUTES}
        return {
            name: int(value) if isinstance(value, bool) else value for name, value in given.items() if value is not None
        }

    def fields(self) -> dict[str, Any]:
        """The columns that were given."""
        given = {name: getattr(self, name, None) for name in COLUMNS}
        return {name: value for name, value in given.items() if value is not None}


ATTRIBUTES = [name for name in Attributes.model_fields if name not in OfProject.model_fields]


class CreateBot(Attributes):
    name: Annotated[Words, Field(max_length=200)]
    model: Short | None = Field(None, description="`provider:name` or a bare name; none: the default model.")
    instruction: Long | None = None
    status: Flag | None = None
    heartbeat: Flag | None = Field(None, description="Whether it may have heartbeats.")
    max_reply_tokens: Annotated[Whole, Field(ge=1)] | None = None


class UpdateBot(OfBot, Attributes):
    name: Annotated[Words, Field(max_length=200)] | None = None
    model: Short | None = None
    instruction: Long | None = None
    status: Flag | None = None
    heartbeat: Flag | None = Field(None, description="Turning it off pauses the bot's heartbeats; on lifts that.")
    max_reply_tokens: Annotated[Whole, Field(ge=1)] | None = None


class ListBots(OfProject):
    page: PageNumber = 1
    per_page: PerPage = 10


class BotObject(BaseModel):
    id: str
    uuid: str
    bot_id: int
    name: str
    model: str
    instruction: str
    status: int
    heartbeat: int
    max_reply_tokens: str
    subdomain: str | None
    provider_key: None = Field(description="Never kept.")
    avatar: str | None
    reasoning_type: str | None
    top: int | None
    ratelimit_message: str | None
    ratelimit_seconds: int | None
    ratelimit_requests: int | None
    no_answer_reply: str | None
    require_login: int | None
    memory: int | None
    tasks: int | None
    hide_branding: int | None
    branding: dict[str, Any] | None
    integrations: list[dict[str, Any]]
    created_at: str
    updated_at: str


class OneBot(BaseModel):
    bot: BotObject


class UpdatedBot(BaseModel):
    """What was changed, beside the whole bot."""

    id: str
    updated_at: str
    bot: BotObject


class AllBots(BaseModel):
    total: int
    bots: list[BotObject]
    pagination: Pagination


class Success(BaseModel):
    success: bool
    message: str


def show_bot(bot: Bot, settings: Settings) -> dict[str, Any]:
    """A bot object, as published."""
    return {
        "id": bot.uuid,
        "uuid": bot.uuid,
        "bot_id": bot.id,
        "name": bot.name,
        "model": bot.model or choose_default_model(settings),
        "instruction": bot.instruction,
        "status": int(bot.status),
        "heartbeat": int(bot.heartbeat),
        "max_reply_tokens": str(bot.max_reply_tokens or settings.max_reply_tokens),
        "provider_key": None,
        **dict.fromkeys(ATTRIBUTES),
        **bot.attributes,
        "integrations": [],
        "created_at": moment(bot.created_at),
        "updated_at": moment(bot.updated_at),
    }
