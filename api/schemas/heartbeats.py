"""Requests about heartbeats, and the heartbeat object."""

import json
from datetime import datetime
from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator
from sqlalchemy import Connection

from api.responses import moment
from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import Key, OfBot, OfHeartbeat, wrong_field
from api.schemas.pages import PageNumber, Pagination, PerPage
from api.schemas.response_fields import Price
from api.schemas.scheduled import ScheduledObject, show_scheduled
from api.schemas.variants import VariedFields
from heartbeat.domain.field_types import Flag, is_blank
from heartbeat.domain.gates import shown_gate
from heartbeat.domain.heartbeat_fields import NULL_IS_LEFT_OUT, HeartbeatFields
from heartbeat.settings import Settings
from heartbeat.store.database.pages import Page
from heartbeat.store.heartbeats.configure import ConfigureRequest
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import member_uuids
from heartbeat.store.tables.heartbeats import Heartbeat

CONFIGURED = tuple(HeartbeatFields.model_fields)
PAGE_SIZE = 20

# What is empty in the example of a heartbeat.
UNSET: dict[str, Any] = dict.fromkeys(
    ("interval_minutes", "active_hours_start", "active_hours_end", "active_days", "run_timeout_seconds", "model")
)


# A pattern and an interval exclude each other, so not every field can be in one example.
REQUEST = {
    "project_id": examples.PROJECT,
    "bot_id": examples.BOT,
    "prompt": examples.PROMPT,
    "cron_pattern": "0 9 * * 1-5",
    "timezone": "Europe/Berlin",
    "credit_budget": 500,
    "enabled": True,
}


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


def _describe_defaults(schema: dict[str, Any]) -> None:
    """Say what a new heartbeat has in words: clients that send a schema's `default` would undo earlier changes."""
    schema["examples"] = [REQUEST]
    schema["not"] = {"required": ["cron_pattern", "interval_minutes"]}
    for name in CONFIGURED:
        field = schema["properties"][name]
        default = field.pop("default", None)
        if default is not None:
            field["description"] += f" A new heartbeat has {json.dumps(default)}."


class Configure(HeartbeatFields, OfBot):
    """Creates a heartbeat, or changes the one it means; on a change, what is left out stays as it is.

    A null clears a field that may be null in the answer; in any other field it counts as left out, and an empty string
    does in all of them.
    """

    model_config = ConfigDict(json_schema_extra=_describe_defaults)

    uuid: Key | None = Field(None, description="Change this heartbeat.", examples=[examples.HEARTBEAT])
    member_id: Key | None = Field(None, description="The subscriber it belongs to.", examples=[examples.MEMBER])
    enabled: Flag | None = Field(
        None, description="Whether it runs on its schedule. A new heartbeat has false.", examples=[True]
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        fields = {name: value for name, value in body.items() if value is not None or name not in NULL_IS_LEFT_OUT}
        # Tools without code send what is not set as 0, too.
        if fields.get("interval_minutes") in (0, "0") and not is_blank(fields.get("cron_pattern", "")):
            del fields["interval_minutes"]
        return fields

    @model_validator(mode="after")
    def _one_cadence(self) -> Self:
        if {"cron_pattern", "interval_minutes"} <= self.model_fields_set:
            raise wrong_field("cron_pattern", "give either cron_pattern or interval_minutes, and not both")
        return self

    def configure_request(self) -> ConfigureRequest:
        """What is asked for, without what was left out."""
        fields = {name: getattr(self, name) for name in self.model_fields_set.intersection(CONFIGURED)}
        return ConfigureRequest(fields, self.uuid, self.member_id, self.enabled)


class ListHeartbeats(OfBot):
    """Without `page` and `per_page` all of them, as published."""

    member_id: Key | None = Field(None, description="Only those of this subscriber.", examples=[examples.MEMBER])
    page: PageNumber | None = Field(None, description="The page, counted from 1; none: all at once.", examples=[1])
    per_page: PerPage | None = Field(None, description="How many a page has, 20 if only `page` is sent.", examples=[20])

    def asked_page(self) -> Page | None:
        """The page that is asked for; `None`: all."""
        return None if self.page is None and self.per_page is None else Page(self.page or 1, self.per_page or PAGE_SIZE)


class Trigger(OfHeartbeat, VariedFields):
    """`prompt`, `model` and `instruction` count in a rehearsal alone; whoever sends them otherwise always could."""

    wait: Flag = Field(True, description="false: do not wait for the run to end.", examples=[True])
    dry_run: Flag = Field(
        False,
        description="A rehearsal: the model is asked and charged, but calls that act are only written down.",
        examples=[False],
    )
    gate: Flag = Field(
        False,
        description="Ask the gate, as a tick does: without news the run is skipped. A rehearsal always looks at it.",
        examples=[False],
    )


class HeartbeatObject(HeartbeatFields, ScheduledObject):
    """A heartbeat: what was configured, and how it stands."""

    model_config = ConfigDict(
        json_schema_extra=_without_defaults,
        json_schema_serialization_defaults_required=True,
    )

    uuid: str = Field(description="The heartbeat's id.", examples=[examples.HEARTBEAT])
    enabled: int = Field(description="Whether it runs on its schedule: 1 or 0.", examples=[1])
    credits_used: int = Field(description="Credits used in this billing period.", examples=[40])
    price: Price
    period_ends_at: str = Field(description="When the billing period ends.", examples=[examples.PERIOD_END])
    error_count: int = Field(description="Failures in a row; a success and enabling return it to 0.", examples=[0])
    total_error_count: int = Field(description="All failures.", examples=[1])


EXAMPLE = example(HeartbeatObject, **UNSET)


class OneHeartbeat(Answered):
    heartbeat: HeartbeatObject = Field(description="The heartbeat.", examples=[EXAMPLE])


class ConfiguredHeartbeat(OneHeartbeat):
    warnings: list[str] = Field(
        description="What of the pattern may mean something else than it seems to.",
        examples=[
            [
                "'*/90' as minute is 0 alone, since a step starts anew each hour. For every 90 minutes set "
                "interval_minutes to 90 in place of a pattern."
            ]
        ],
    )


class AllHeartbeats(Answered):
    heartbeats: list[HeartbeatObject] = Field(description="The bot's heartbeats, oldest first.", examples=[[EXAMPLE]])
    pagination: Pagination | None = Field(
        None, description="Where the page stands; only where a page was asked for.", examples=[example(Pagination)]
    )


class Deleted(Answered):
    message: str = Field(
        description="What was deleted, in a sentence.", examples=[f"Heartbeat {examples.HEARTBEAT} was deleted."]
    )


def show_all(
    connection: Connection, access: Access, heartbeats: list[Heartbeat], settings: Settings, now: datetime
) -> list[dict[str, Any]]:
    """The `HeartbeatObject` of each row; all are of one bot."""
    members = member_uuids(connection, heartbeats)
    return [show(access, heartbeat, members.get(heartbeat.member_id), settings, now) for heartbeat in heartbeats]


def show(
    access: Access, heartbeat: Heartbeat, member_uuid: str | None, settings: Settings, now: datetime
) -> dict[str, Any]:
    """The `HeartbeatObject` of a row; `member_uuid` is that of its `member_id`."""
    columns = vars(heartbeat)
    period_start, period_end = access.project.period(now)
    used = columns["period_credits"] if columns["period_start"] == period_start else 0
    return {
        "uuid": columns["uuid"],
        **{name: columns[name] for name in CONFIGURED},
        "starts_at": moment(columns["starts_at"]),
        "ends_at": moment(columns["ends_at"]),
        "gate": shown_gate(columns["gate"]),
        **show_scheduled(access, heartbeat, member_uuid, now),
        "enabled": int(columns["enabled"]),
        "credits_used": used,
        "price": settings.price(used),
        "period_ends_at": moment(period_end),
        "error_count": columns["error_count"],
        "total_error_count": columns["total_error_count"],
    }
