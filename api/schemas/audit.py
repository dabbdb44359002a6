"""Requests for the audit log of a project, and its entries: over the API, on a page and as a file."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import OfProject, wrong_field
from api.schemas.pages import PerPage
from api.schemas.run_query import Day
from heartbeat.domain.field_types import MAX_NUMBER, WHOLE, Text
from heartbeat.store.audit.reading import AuditFilter

EntryNumber = Annotated[int, Field(ge=1, le=MAX_NUMBER), WHOLE]


class AuditQuery(BaseModel):
    """Which entries of the audit log are asked for."""

    model_config = ConfigDict(extra="ignore")

    actor: Text = Field(
        "",
        max_length=200,
        description="Only what this one did: the id or the name of a person or a key, a person's e-mail address, or a "
        "kind (`user`, `key`, `link`, `agent`, `shell`, `product`).",
        examples=["shell"],
    )
    action: Text = Field(
        "", max_length=100, description="Only this action, or all whose noun it is.", examples=["key.create"]
    )
    object_id: Text = Field("", max_length=200, description="Only what was done to this.", examples=["key_1"])
    since: Day | None = Field(None, description="The first day, in UTC.", examples=["2026-11-01"])
    until: Day | None = Field(None, description="The last day, in UTC.", examples=["2026-11-30"])
    before: EntryNumber | None = Field(
        None, description="Only entries with a lower number: `next` of the page before.", examples=[4821]
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and self.until < self.since:
            raise wrong_field("until", "must not be before the first day")
        return self

    def wanted(self, zone: tzinfo = UTC) -> AuditFilter:
        """The filter that this stands for, its days as those of `zone`."""
        since = datetime.combine(self.since, time(), zone).astimezone(UTC) if self.since else None
        ends = self.until + timedelta(days=1) if self.until else None
        until = datetime.combine(ends, time(), zone).astimezone(UTC) if ends else None
        return AuditFilter(self.actor, self.action, self.object_id, since, until, self.before)


class ListAudit(OfProject, AuditQuery):
    per_page: PerPage = 20


class EntryActor(Answered):
    """Who made a change."""

    kind: str = Field(
        description="`user`, `key`, `link` (of a message), `agent`, `shell` (an operator) or `product` (Heartbeat).",
        examples=["key"],
    )
    id: str = Field(description="Their id, or the agent's run; empty if there is none.", examples=["key_1"])
    name: str = Field(description="Their name; empty if there is none.", examples=["CI"])
    email: str = Field(description="A person's e-mail address; empty for all others.", examples=[""])
    address: str = Field(description="The IP address it came from; empty if it came from none.", examples=["::1"])
    user_agent: str = Field(
        description="What the browser or the program calls itself; empty if it came from none.", examples=["curl/8.14"]
    )


class EntryObject(Answered):
    """What was changed."""

    type: str = Field(description="What it is.", examples=["bot"])
    id: str = Field(description="Its id.", examples=["bot_1"])
    name: str = Field(description="Its name; empty if it has none.", examples=["Support desk"])


class AuditObject(Answered):
    """One change that somebody made."""

    number: int = Field(description="Its place in the project's chain, from 1 and without gaps.", examples=[4822])
    at: str = Field(description="When, to the microsecond.", examples=["2026-11-29T09:12:23.111521Z"])
    actor: EntryActor = Field(description="Who did it, as they were called then.", examples=[example(EntryActor)])
    action: str = Field(description="What was done: `noun.verb`.", examples=["bot.update"])
    object: EntryObject = Field(
        description="What it was done to, as it was called then.", examples=[example(EntryObject)]
    )
    changes: dict[str, Any] = Field(
        description='For each field what it was and what it is, or `"changed"` for a secret.',
        examples=[{"name": ["Desk", "Support desk"]}],
    )
    hash: str = Field(description="SHA-256 of all this and of the hash before it.", examples=["9f86d081884c7d65"])


class AuditPage(Answered):
    """Entries of the audit log, newest first."""

    entries: list[AuditObject] = Field(description="The entries, newest first.", examples=[[example(AuditObject)]])
    next: int | None = Field(description="Send it as `before` for what comes next; null at the end.", examples=[4803])
