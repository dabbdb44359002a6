"""Requests about subscribers, and the subscriber object."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from api.responses import moment
from api.schemas.fields import Key, OfBot, OfProject
from api.schemas.pages import PageNumber, Pagination, PerPage
from heartbeat.domain.errors import Invalid
from heartbeat.domain.field_types import Words
from heartbeat.store.tables.bots import Subscriber


class CreateSubscriber(OfBot):
    email: Annotated[Words, Field(max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    name: Annotated[Words, Field(max_length=200)] | None = None

    def check(self) -> None:
        """Raises `Invalid` when it is nobody."""
        if self.email is None and self.name is None:
            raise Invalid("email", "give an email, a name or both")


class ListSubscribers(OfProject):
    bot_id: Key | None = Field(None, description="Only those of this bot.")
    page: PageNumber = 1
    per_page: PerPage = 10

    @property
    def bot_key(self) -> str:
        return self.bot_id or ""


class OfSubscriber(OfBot):
    member_id: Key = Field(description="The subscriber's id (mem_…) or its number.")


class SubscriberObject(BaseModel):
    id: str
    uuid: str
    member_id: int
    email: str | None
    name: str | None
    subscribed_at: str


class OneSubscriber(BaseModel):
    subscriber: SubscriberObject


class AllSubscribers(BaseModel):
    total: int
    subscribers: list[SubscriberObject]
    pagination: Pagination


def show_subscriber(member: Subscriber) -> dict[str, Any]:
    """A subscriber object, as published, with the number heartbeats name it by."""
    return {
        "id": member.uuid,
        "uuid": member.uuid,
        "member_id": member.id,
        "email": member.email,
        "name": member.name,
        "subscribed_at": moment(member.subscribed_at),
    }
