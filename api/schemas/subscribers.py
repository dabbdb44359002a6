"""Requests about subscribers, and the subscriber object."""

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from api.responses import moment
from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import Key, OfBot, OfProject, wrong_field
from api.schemas.pages import PageNumber, PerPage
from api.schemas.response_fields import PaginationField, Total
from heartbeat.domain.field_types import Words
from heartbeat.store.tables.bots import Subscriber


class CreateSubscriber(OfBot):
    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [name], "properties": {name: {"type": "string"}}} for name in ("email", "name")]
        }
    )

    email: Annotated[str, Field(max_length=320, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")] | None = Field(
        None, description="An e-mail address; an email, a name or both are needed.", examples=["ann@example.com"]
    )
    name: Annotated[Words, Field(max_length=200)] | None = Field(
        None, description="What people call them.", examples=["Ann Example"]
    )

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.email is None and self.name is None:
            raise wrong_field("email", "give an email, a name or both")
        return self


class ListSubscribers(OfProject):
    bot_id: Key | None = Field(None, description="Only those of this bot.", examples=[examples.BOT])
    page: PageNumber = 1
    per_page: PerPage = 10

    @property
    def bot_key(self) -> str:
        return self.bot_id or ""


class OfSubscriber(OfBot):
    member_id: Key = Field(description="The subscriber's id (`mem_…`) or its number.", examples=[examples.MEMBER])


class SubscriberObject(Answered):
    """A member of a bot's audience; heartbeats may belong to one."""

    id: str = Field(description="The subscriber's id.", examples=[examples.MEMBER])
    uuid: str = Field(description="The same id.", examples=[examples.MEMBER])
    member_id: int = Field(description="Its number, which heartbeats name it by.", examples=[examples.MEMBER_NUMBER])
    email: str | None = Field(description="An e-mail address.", examples=["ann@example.com"])
    name: str | None = Field(description="What people call them.", examples=["Ann Example"])
    subscribed_at: str = Field(description="When it was added.", examples=[examples.CREATED])


class OneSubscriber(Answered):
    subscriber: SubscriberObject = Field(description="The subscriber.", examples=[example(SubscriberObject)])


class AllSubscribers(Answered):
    total: Total
    subscribers: list[SubscriberObject] = Field(
        description="The page's subscribers, bot by bot.", examples=[[example(SubscriberObject)]]
    )
    pagination: PaginationField


def show_subscriber(member: Subscriber) -> dict[str, Any]:
    """The `SubscriberObject` of a row."""
    return {
        "id": member.uuid,
        "uuid": member.uuid,
        "member_id": member.id,
        "email": member.email,
        "name": member.name,
        "subscribed_at": moment(member.subscribed_at),
    }
