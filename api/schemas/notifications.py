"""Requests about notification targets and notifications, and both objects."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from api.responses import moment
from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import Key, OfProject, PlainObject, wrong_field
from api.schemas.pages import PageNumber, PerPage
from api.schemas.response_fields import (
    BotUuid,
    CreatedAt,
    HeartbeatUuid,
    PaginationField,
    Succeeded,
    Total,
    UpdatedAt,
    WrittenAt,
)
from heartbeat.domain.field_types import WHOLE, Flag, Words
from heartbeat.domain.redaction import shown_address
from heartbeat.store.notifications.messages import ListedNotification
from heartbeat.store.notifications.targets import ListedTarget

Name = Annotated[Words, Field(max_length=200)]
Kind = Literal[
    "run.finding",
    "run.failed",
    "run.recovered",
    "run.quality_dropped",
    "run.costly",
    "heartbeat.paused",
    "heartbeat.resumed",
    "heartbeat.missed",
    "budget.threshold",
    "gate.failed",
    "gate.recovered",
    "approval.requested",
    "tool.changed",
    "tool.needs_reconnect",
    "model.fell_back",
    "model.recovered",
    "user.notified",
]
Kinds = Annotated[list[Kind], Field(min_length=1, max_length=20)]
Cooldown = Annotated[int, Field(ge=0, le=7 * 86_400), WHOLE]
Status = Literal["pending", "held", "delivered", "failed"]

# As the registry has them, which would load what it takes to send.
CHANNELS = ["webhook", "email", "slack", "discord", "telegram", "teams", "ntfy", "apprise"]
OF_NO_USE = "a subscriber is told by notify_user alone: leave events out, or name user.notified"

SLACK = {"url": "https://hooks.slack.com/services/T0/B0/x"}
# A target of the whole project; not every field can be in one example.
REQUEST: dict[str, Any] = {"project_id": examples.PROJECT, "channel": "slack", "config": SLACK}
A_BOT: dict[str, Any] = {"required": ["bot_id"], "properties": {"bot_id": {"type": "string", "minLength": 1}}}
NO_HEARTBEAT: dict[str, Any] = {"properties": {"heartbeat_id": {"type": "null"}}}
OF_MEMBER: dict[str, Any] = {
    "properties": {"events": {"anyOf": [{"contains": {"const": "user.notified"}}, {"type": "null"}]}}
}
NO_MEMBER: dict[str, Any] = {"properties": {"member_id": {"type": "null"}}}
WHOSE: list[Any] = [{"anyOf": [NO_HEARTBEAT, A_BOT]}, {"anyOf": [NO_MEMBER, {"allOf": [A_BOT, OF_MEMBER]}]}]
WANTED = ["run.failed", "heartbeat.paused"]
EVENTS = "The kinds it wants; null: every kind."
COOLDOWN = "For so long after a message it is left alone; what comes meanwhile is told in one summary."
ENABLED = "Whether messages are sent there."


class PerhapsOfBot(OfProject):
    bot_id: Key | None = Field(None, description="A bot's id; none: the whole project.", examples=[examples.BOT])

    @property
    def bot_key(self) -> str:
        return self.bot_id or ""


class CreateTarget(PerhapsOfBot):
    model_config = ConfigDict(json_schema_extra={"examples": [REQUEST], "allOf": WHOSE})

    heartbeat_id: Key | None = Field(
        None, description="Of this heartbeat alone; needs its bot_id.", examples=[examples.HEARTBEAT]
    )
    member_id: Key | None = Field(
        None, description="Of this subscriber, for notify_user alone; needs its bot_id.", examples=[examples.MEMBER]
    )
    channel: Annotated[Words, Field(max_length=40, json_schema_extra={"enum": CHANNELS})] = Field(
        description="webhook, email, slack, discord, telegram, teams, ntfy or apprise.", examples=["slack"]
    )
    name: Name | None = Field(None, description="What people call it.", examples=["Team"])
    config: PlainObject = Field(description="What the channel needs; see docs/notifications.md.", examples=[SLACK])
    events: Kinds | None = Field(None, description=EVENTS, examples=[WANTED])
    cooldown_seconds: Cooldown = Field(0, description=COOLDOWN, examples=[300])
    is_enabled: Flag = Field(True, description=ENABLED, examples=[True])

    @property
    def heartbeat_key(self) -> str:
        return self.heartbeat_id or ""

    @model_validator(mode="after")
    def _whose(self) -> Self:
        for name in ("heartbeat_id", "member_id"):
            if getattr(self, name) and not self.bot_id:
                raise wrong_field("bot_id", f"give the bot's id with {name}")
        if self.member_id and not of_use_to_member(self.events):
            raise wrong_field("events", OF_NO_USE)
        return self


def of_use_to_member(events: list[Kind] | None) -> bool:
    """Whether these are of use to a subscriber, who can be told one kind alone."""
    return events is None or "user.notified" in events


class OfTarget(OfProject):
    target_id: Key = Field(description="The target's id (`tgt_…`).", examples=[examples.TARGET])


class UpdateTarget(OfTarget):
    name: Name | None = Field(None, description="What people call it.", examples=["Team"])
    config: PlainObject | None = Field(
        None, description="What is given of it is changed; the rest stays.", examples=[SLACK]
    )
    events: Kinds | None = Field(None, description=EVENTS, examples=[WANTED])
    cooldown_seconds: Cooldown | None = Field(None, description=COOLDOWN, examples=[300])
    is_enabled: Flag | None = Field(None, description=ENABLED, examples=[True])

    def fields(self) -> dict[str, Any]:
        """The columns that were sent, but for the config."""
        names = ("name", "cooldown_seconds", "is_enabled")
        columns = {name: value for name in names if (value := getattr(self, name)) is not None}
        return columns | ({"events": self.events} if "events" in self.model_fields_set else {})


class ListTargets(PerhapsOfBot):
    page: PageNumber = 1
    per_page: PerPage = 10


class ListNotifications(PerhapsOfBot):
    status: Status | None = Field(
        None, description="Only those: pending, held, delivered or failed.", examples=["failed"]
    )
    kind: Kind | None = Field(None, description="Only those of events of this kind.", examples=["run.failed"])
    target_id: Key | None = Field(None, description="Only those of this target.", examples=[examples.TARGET])
    page: PageNumber = 1
    per_page: PerPage = 10

    def equal(self) -> dict[str, Any]:
        """What the notifications must have, by name."""
        values = {"status": self.status, "kind": self.kind, "target": self.target_id}
        return {name: value for name, value in values.items() if value is not None}


class TargetObject(Answered):
    """A place where messages go."""

    id: str = Field(description="The target's id.", examples=[examples.TARGET])
    bot_id: str | None = Field(
        description="The id of the bot it hears of; null: the whole project's.", examples=[examples.BOT]
    )
    heartbeat_id: str | None = Field(
        description="The id of the only heartbeat it hears of; null: all of them.", examples=[examples.HEARTBEAT]
    )
    member_id: str | None = Field(
        description="The id of the subscriber it belongs to; null: it is the owner's.", examples=[examples.MEMBER]
    )
    channel: str = Field(
        description="webhook, email, slack, discord, telegram, teams, ntfy or apprise.", examples=["slack"]
    )
    name: str = Field(description="What people call it.", examples=["Team"])
    config: dict[str, Any] = Field(description="What may be shown of it: secrets are never answered.", examples=[{}])
    events: list[str] | None = Field(description=EVENTS, examples=[WANTED])
    cooldown_seconds: int = Field(description=COOLDOWN, examples=[300])
    quiet_until: str | None = Field(
        description="Until when it is left alone after a message.", examples=["2026-11-27T08:05:04Z"]
    )
    is_enabled: bool = Field(description=ENABLED, examples=[True])
    disabled_reason: str | None = Field(
        description="Why it was switched off by itself; null when it was not.",
        examples=["The receiver answered 410: it wants no more messages."],
    )
    created_at: CreatedAt
    updated_at: UpdatedAt


TARGET = example(TargetObject, heartbeat_id=None, member_id=None, quiet_until=None, disabled_reason=None)


class OneTarget(Answered):
    target: TargetObject = Field(description="The target.", examples=[TARGET])
    made_up: dict[str, str] = Field(
        {},
        description="Secrets that were made up, such as a webhook's; shown this once.",
        examples=[{"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}],
    )


class AllTargets(Answered):
    total: Total
    targets: list[TargetObject] = Field(description="The page's targets, oldest first.", examples=[[TARGET]])
    pagination: PaginationField


class EventObject(Answered):
    """Something that people are told of."""

    id: str = Field(description="The event's id.", examples=[examples.EVENT])
    kind: str = Field(description="The kind of event.", examples=["run.failed"])
    bot_id: BotUuid
    heartbeat_id: HeartbeatUuid
    data: dict[str, Any] = Field(
        description="What happened; the fields depend on the kind.",
        examples=[{"run": examples.RUN, "code": "timeout", "message": "The provider did not answer in time."}],
    )
    created_at: WrittenAt


class NotificationObject(Answered):
    """One event for one target."""

    id: str = Field(
        description="The notification's id; receivers see it at every attempt.", examples=[examples.NOTIFICATION]
    )
    status: str = Field(description="pending, held (for a summary), delivered or failed.", examples=["delivered"])
    attempts: int = Field(description="How often it was tried.", examples=[1])
    lost_attempts: int = Field(
        description="Those of which nobody knows whether they arrived: their worker died, or the receiver had the "
        "message and did not answer.",
        examples=[0],
    )
    last_error: str | None = Field(
        description="Why the last attempt failed; null when none did.", examples=["The receiver answered 503."]
    )
    next_attempt_at: str | None = Field(
        description="When it is tried next; null: not any more.", examples=["2026-11-27T08:05:04Z"]
    )
    delivered_at: str | None = Field(
        description="When it was delivered; null: not yet.", examples=["2026-11-27T08:00:05Z"]
    )
    created_at: WrittenAt
    summary_id: str | None = Field(
        description="The notification whose message told of this one, too.", examples=[examples.NOTIFICATION]
    )
    target: dict[str, str] = Field(
        description="The target's `id`, `channel` and `name`.",
        examples=[{"id": examples.TARGET, "channel": "slack", "name": "Team"}],
    )
    event: EventObject = Field(description="What it tells of.", examples=[example(EventObject)])


class AllNotifications(Answered):
    total: Total
    notifications: list[NotificationObject] = Field(
        description="The page's notifications, newest first.",
        examples=[[example(NotificationObject, last_error=None, next_attempt_at=None, summary_id=None)]],
    )
    pagination: PaginationField


class TargetTried(Answered):
    success: Succeeded
    message: str = Field(description="What came of it, in a sentence.", examples=["The message was delivered."])


def show_target(listed: ListedTarget) -> dict[str, Any]:
    """The `TargetObject` of a row."""
    row = listed.target
    return {
        "id": row.uuid,
        "bot_id": listed.bot_uuid,
        "heartbeat_id": listed.heartbeat_uuid,
        "member_id": listed.member_uuid,
        "channel": row.channel,
        "name": row.name,
        "config": {name: shown_address(value) if name == "url" else value for name, value in row.config.items()},
        "events": row.events,
        "cooldown_seconds": row.cooldown_seconds,
        "quiet_until": moment(row.quiet_until),
        "is_enabled": row.is_enabled,
        "disabled_reason": row.disabled_reason,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
    }


def show_notification(listed: ListedNotification) -> dict[str, Any]:
    """The `NotificationObject` of a row."""
    row, event = listed.notification, listed.event
    return {
        "id": row.uuid,
        "status": row.status,
        "attempts": row.attempts,
        "lost_attempts": row.lost_attempts,
        "last_error": row.last_error,
        "next_attempt_at": moment(row.next_attempt_at),
        "delivered_at": moment(row.delivered_at),
        "created_at": moment(row.created_at),
        "summary_id": listed.summary_uuid,
        "target": {"id": listed.target.uuid, "channel": listed.target.channel, "name": listed.target.name},
        "event": {
            "id": event.uuid,
            "kind": event.kind,
            "bot_id": listed.bot_uuid,
            "heartbeat_id": listed.heartbeat_uuid,
            "data": event.data,
            "created_at": moment(event.created_at),
        },
    }
