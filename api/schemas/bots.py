"""Requests about bots, and the bot object."""

from typing import Annotated, Any

from pydantic import Field

from api.responses import moment
from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import OfBot, OfProject, PlainObject
from api.schemas.pages import PageNumber, PerPage
from api.schemas.response_fields import BotUuid, CreatedAt, PaginationField, Succeeded, Total, UpdatedAt
from heartbeat.agents.model_names import choose_default_model
from heartbeat.domain.field_types import CreditBudget, Flag, Positive, Text, Whole, Words
from heartbeat.settings import Settings
from heartbeat.store.tables.bots import Bot

COLUMNS = ("name", "model", "instruction", "status", "heartbeat", "max_reply_tokens")

Short = Annotated[Text, Field(max_length=500)]
Long = Annotated[Text, Field(max_length=20_000)]
Name = Annotated[Words, Field(max_length=200, description="What people call it.", examples=["Support desk"])]

MODEL = "`provider:name` or a bare name; a bot without one has the default model."
INSTRUCTION = "The system's message of every run."
STATUS = "Whether it is active; ticks of one that is not are skipped."
MAX_REPLY_TOKENS = "The most tokens of one answer of the model; without one, as the installation has it."
CREDIT_BUDGET = "Credits that all of its heartbeats and tasks may use in a billing period; null is no limit."
KEPT = "Kept and answered, so that clients read back what they wrote; it means nothing here."


class Attributes(OfProject):
    """Published fields that are kept, so that clients read back what they wrote; all but two mean nothing here.

    The budget is none of them: it is of this product.
    """

    may_be_empty = frozenset(
        ("model", "instruction", "subdomain", "avatar", "reasoning_type", "ratelimit_message", "no_answer_reply")
    )

    subdomain: Short | None = Field(None, description=KEPT, examples=["support"])
    avatar: Short | None = Field(None, description=KEPT, examples=["https://example.com/avatar.png"])
    reasoning_type: Short | None = Field(None, description=KEPT, examples=["default"])
    top: Whole | None = Field(None, description=KEPT, examples=[3])
    ratelimit_message: Long | None = Field(None, description=KEPT, examples=["Too many messages; try again later."])
    ratelimit_seconds: Whole | None = Field(None, description=KEPT, examples=[60])
    ratelimit_requests: Whole | None = Field(None, description=KEPT, examples=[20])
    no_answer_reply: Long | None = Field(None, description=KEPT, examples=["I do not know."])
    require_login: Flag | None = Field(None, description=KEPT, examples=[False])
    memory: Flag | None = Field(
        None, description="Whether its runs have the tools remember, recall and forget.", examples=[True]
    )
    tasks: Flag | None = Field(None, description="Whether its runs have the tool schedule_task.", examples=[False])
    hide_branding: Flag | None = Field(None, description=KEPT, examples=[True])
    branding: PlainObject | None = Field(None, description=KEPT, examples=[{"color": "#0a7"}])
    credit_budget: CreditBudget | None = Field(None, description=CREDIT_BUDGET, examples=[2000])

    def attributes(self) -> dict[str, Any]:
        """Those that were sent, as they are answered: booleans as 0 and 1."""
        values = {name: getattr(self, name) for name in ATTRIBUTES}
        return {
            name: int(value) if isinstance(value, bool) else value
            for name, value in values.items()
            if value is not None
        }

    def fields(self) -> dict[str, Any]:
        """The columns that were sent."""
        values = {name: getattr(self, name, None) for name in COLUMNS}
        sent = {name: value for name, value in values.items() if value is not None}
        # Null is an answer here: no budget any more.
        return sent | ({"credit_budget": self.credit_budget} if "credit_budget" in self.model_fields_set else {})


ATTRIBUTES = [name for name in Attributes.model_fields if name not in (*OfProject.model_fields, "credit_budget")]


class CreateBot(Attributes):
    name: Name
    model: Short | None = Field(None, description=MODEL, examples=[examples.MODEL])
    instruction: Long | None = Field(None, description=INSTRUCTION, examples=["You watch over a support desk."])
    status: Flag | None = Field(None, description=STATUS, examples=[True])
    heartbeat: Flag | None = Field(None, description="Whether it may have heartbeats.", examples=[True])
    max_reply_tokens: Positive | None = Field(None, description=MAX_REPLY_TOKENS, examples=[1024])


class UpdateBot(OfBot, Attributes):
    name: Name | None = Field(None, description="What people call it.", examples=["Support desk"])
    model: Short | None = Field(None, description=MODEL, examples=[examples.MODEL])
    instruction: Long | None = Field(None, description=INSTRUCTION, examples=["You watch over a support desk."])
    status: Flag | None = Field(None, description=STATUS, examples=[True])
    heartbeat: Flag | None = Field(
        None, description="Turning it off pauses the bot's heartbeats; on lifts that.", examples=[True]
    )
    max_reply_tokens: Positive | None = Field(None, description=MAX_REPLY_TOKENS, examples=[1024])


class ListBots(OfProject):
    page: PageNumber = 1
    per_page: PerPage = 10


class BotObject(Answered):
    """A bot, as published: booleans are 0 and 1."""

    id: BotUuid
    uuid: BotUuid
    bot_id: int = Field(description="Its number, which heartbeats name it by.", examples=[examples.BOT_NUMBER])
    name: str = Field(description="What people call it.", examples=["Support desk"])
    model: str = Field(description="The model of its runs.", examples=[examples.MODEL])
    instruction: str = Field(description=INSTRUCTION, examples=["You watch over a support desk."])
    status: int = Field(description=STATUS, examples=[1])
    heartbeat: int = Field(description="Whether it may have heartbeats.", examples=[1])
    max_reply_tokens: str = Field(description="The most tokens of one answer of the model.", examples=["1024"])
    credit_budget: int | None = Field(description=CREDIT_BUDGET, examples=[2000])
    subdomain: str | None = Field(description=KEPT, examples=["support"])
    provider_key: None = Field(description="Always null: a provider's key is never kept.", examples=[None])
    avatar: str | None = Field(description=KEPT, examples=["https://example.com/avatar.png"])
    reasoning_type: str | None = Field(description=KEPT, examples=["default"])
    top: int | None = Field(description=KEPT, examples=[3])
    ratelimit_message: str | None = Field(description=KEPT, examples=["Too many messages; try again later."])
    ratelimit_seconds: int | None = Field(description=KEPT, examples=[60])
    ratelimit_requests: int | None = Field(description=KEPT, examples=[20])
    no_answer_reply: str | None = Field(description=KEPT, examples=["I do not know."])
    require_login: int | None = Field(description=KEPT, examples=[0])
    memory: int | None = Field(description="Whether its runs have the tools remember, recall and forget.", examples=[1])
    tasks: int | None = Field(description="Whether its runs have the tool schedule_task.", examples=[0])
    hide_branding: int | None = Field(description=KEPT, examples=[1])
    branding: dict[str, Any] | None = Field(description=KEPT, examples=[{"color": "#0a7"}])
    integrations: list[dict[str, Any]] = Field(description="Always empty: there are none here.", examples=[[]])
    created_at: CreatedAt
    updated_at: UpdatedAt


class OneBot(Answered):
    bot: BotObject = Field(description="The bot.", examples=[example(BotObject)])


class UpdatedBot(Answered):
    """What was changed, beside the whole bot."""

    id: BotUuid
    updated_at: UpdatedAt
    bot: BotObject = Field(description="The bot as it is now.", examples=[example(BotObject)])


class AllBots(Answered):
    total: Total
    bots: list[BotObject] = Field(description="The page's bots, oldest first.", examples=[[example(BotObject)]])
    pagination: PaginationField


class Success(Answered):
    success: Succeeded
    message: str = Field(description="What was done, in a sentence.", examples=["It was deleted."])


def show_bot(bot: Bot, settings: Settings) -> dict[str, Any]:
    """The `BotObject` of a row."""
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
        "credit_budget": bot.credit_budget,
        "provider_key": None,
        **dict.fromkeys(ATTRIBUTES),
        **bot.attributes,
        "integrations": [],
        "created_at": moment(bot.created_at),
        "updated_at": moment(bot.updated_at),
    }
