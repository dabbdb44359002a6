"""Requests about notification targets and notifications, and both objects."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from api.responses import moment
from api.schemas.fields import Key, OfProject, PlainObject
from api.schemas.pages import PageNumber, Pagination, PerPage
from heartbeat.domain.errors import Invalid
from heartbeat.domain.field_types import Flag, Whole, Words
from heartbeat.store.notifications.targets import ListedNotification, ListedTarget

Name = Annotated[Words, Field(max_length=200)]
Kind = Literal[
    "run.finding",
    "run.failed",
    "run.recovered",
    "heartbeat.paused",
    "heartbeat.resumed",
    "heartbeat.missed",
    "approval.requested",
    "user.notified",
]
Kinds = Annotated[list[Kind], Field(min_length=1, max_length=20)]
Cooldown = Annotated[Whole, Field(ge=0, le=7 * 86_400)]
Status = Literal["pending", "held", "delivered", "failed"]


class PerhapsOfBot(OfProject):
    bot_id: Key | None = Field(None, description="A bot's id; none: the whole project.")

    @property
    def bot_key(self) -> str:
        return self.bot_id or ""


class CreateTarget(PerhapsOfBot):
    heartbeat_id: Key | None = Field(None, description="Of this heartbeat alone; needs its bot_id.")
    member_id: Key | None = Field(None, description="Of this subscriber, for notify_user alone; needs its bot_id.")
    channel: Annotated[Words, Field(max_length=40)]
    name: Name | None = None
    config: PlainObject = Field(description="What the channel needs; see docs/notifications.md.")
    events: Kinds | None = Field(None, description="The kinds it wants; none given: every kind.")
    cooldown_seconds: Cooldown = 0
    is_enabled: Flag = True

    @property
    def heartbeat_key(self) -> str:
        return self.heartbeat_id or ""

    def check(self) -> None:
        """Raises `Invalid` when a heartbeat or member is named without its bot, or a member's would never be told."""
        for name in ("heartbeat_id", "member_id"):
            if getattr(self, name) and not self.bot_id:
                raise Invalid("bot_id", f"give the bot's id with {name}")
        if self.member_id:
            check_of_member(self.events)


def check_of_member(events: list[Kind] | None) -> None:
    """Raises `Invalid` when a subscriber's target does not want the one kind that it can be told."""
    if events is not None and "user.notified" not in events:
        raise Invalid("events", "a subscriber is told by notify_user alone: leave events out, or name user.notified")


class OfTarget(OfProject):
    target_id: Key = Field(description="The target's id (tgt_…).")


class UpdateTarget(OfTarget):
    name: Name | None = None
    config: PlainObject | None = Field(None, description="What is given of it is changed; the rest stays.")
    events: Kinds | None = Field(None, description="null: every kind.")
    cooldown_seconds: Cooldown | None = None
    is_enabled: Flag | None = None

    def fields(self) -> dict[str, Any]:
        """The columns that were given, but for the config."""
        names = ("name", "cooldown_seconds", "is_enabled")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        return given | ({"events": self.events} if "events" in self.model_fields_set else {})


class ListTargets(PerhapsOfBot):
    page: PageNumber = 1
    per_page: PerPage = 10


class ListNotifications(PerhapsOfBot):
    status: Status | None = None
    kind: Kind | None = None
    target_id: Key | None = None
    page: PageNumber = 1
    per_page: PerPage = 10

    def equal(self) -> dict[str, Any]:
        """What the notifications must have, by name."""
        given = {"status": self.status, "kind": self.kind, "target": self.target_id}
        return {name: value for name, value in given.items() if value is not None}


class TargetObject(BaseModel):
    id: str
    bot_id: str | None
    heartbeat_id: str | None
    member_id: str | None
    channel: str
    name: str
    config: dict[str, Any] = Field(description="What may be shown of it: secrets are never answered.")
    events: list[str] | None
    cooldown_seconds: int
    quiet_until: str | None
    is_enabled: bool
    disabled_reason: str | None
    created_at: str
    updated_at: str


class OneTarget(BaseModel):
    target: TargetObject
    made_up: dict[str, str] = Field({}, description="Secrets that were made up, such as a webhook's; shown this once.")


class AllTargets(BaseModel):
    total: int
    targets: list[TargetObject]
    pagination: Pagination


class EventObject(BaseModel):
    id: str
    kind: str
    bot_id: str
    heartbeat_id: str
    data: dict[str, Any]
    created_at: str


class NotificationObject(BaseModel):
    id: str
    status: str
    attempts: int
    lost_attempts: int = Field(description="Those of which nobody knows whether they arrived.")
    last_error: str | None
    next_attempt_at: str | None
    delivered_at: str | None
    created_at: str
    summary_id: str | None = Field(description="The notification whose message told of this one, too.")
    target: dict[str, str]
    event: EventObject


class AllNotifications(BaseModel):
    total: int
    notifications: list[NotificationObject]
    pagination: Pagination


class TargetTried(BaseModel):
    success: bool
    message: str


def show_target(listed: ListedTarget) -> dict[str, Any]:
    """A target object."""
    row = listed.target
    return {
        "id": row.uuid,
        "bot_id": listed.bot,
        "heartbeat_id": listed.heartbeat,
        "member_id": listed.member,
        "channel": row.channel,
        "name": row.name,
        "config": row.config,
        "events": row.events,
        "cooldown_seconds": row.cooldown_seconds,
        "quiet_until": moment(row.quiet_until),
        "is_enabled": row.is_enabled,
        "disabled_reason": row.disabled_reason,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
    }


def show_notification(told: ListedNotification) -> dict[str, Any]:
    """A notification object."""
    row, event = told.notification, told.event
    return {
        "id": row.uuid,
        "status": row.status,
        "attempts": row.attempts,
        "lost_attempts": row.lost_attempts,
        "last_error": row.last_error,
        "next_attempt_at": moment(row.next_attempt_at),
        "delivered_at": moment(row.delivered_at),
        "created_at": moment(row.created_at),
        "summary_id": told.summary,
        "target": {"id": told.target.uuid, "channel": told.target.channel, "name": told.target.name},
        "event": {
            "id": event.uuid,
            "kind": event.kind,
            "bot_id": told.bot,
            "heartbeat_id": told.heartbeat,
            "data": event.data,
            "created_at": moment(event.created_at),
        },
    }
