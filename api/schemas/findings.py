"""Requests about findings, and the finding object."""

from typing import Annotated, Any, Literal

from pydantic import Field

from api.responses import moment
from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import Key, OfBot
from api.schemas.pages import PageNumber, PerPage
from api.schemas.response_fields import HeartbeatUuid, PaginationField, Total
from heartbeat.domain.field_types import WHOLE
from heartbeat.store.notifications.findings import ListedFinding

MAX_MINUTES = 366 * 1440


class ListFindings(OfBot):
    heartbeat_id: Key | None = Field(None, description="Only those of this heartbeat.", examples=[examples.HEARTBEAT])
    state: Literal["open", "acknowledged", "snoozed", "resolved"] | None = Field(
        None, description="Only those: open, acknowledged, snoozed or resolved.", examples=["open"]
    )
    page: PageNumber = 1
    per_page: PerPage = 10

    @property
    def heartbeat_key(self) -> str:
        return self.heartbeat_id or ""


class OfFinding(OfBot):
    finding_id: Key = Field(description="The finding's id (`fnd_…`).", examples=[examples.FINDING])


class SnoozeFinding(OfFinding):
    minutes: Annotated[int, Field(ge=1, le=MAX_MINUTES), WHOLE] = Field(
        description="For how long nothing is said of it.", examples=[1440]
    )


class FindingObject(Answered):
    """One matter that a heartbeat's runs report, known by its fingerprint."""

    id: str = Field(description="The finding's id.", examples=[examples.FINDING])
    heartbeat_id: HeartbeatUuid
    fingerprint: str = Field(
        description="The name that the agent gives the matter, the same each time; case, blanks and separators do not "
        "count.",
        examples=["disk-full:web-1"],
    )
    title: str = Field(
        description="What is the matter, in one line, as the latest run put it.", examples=["The disk of web-1 is full"]
    )
    severity: str = Field(description="info, warning or critical, as the latest run put it.", examples=["critical"])
    detail: str | None = Field(
        description="What a person needs to act on it.", examples=["/var/log takes 37 of 40 GB."]
    )
    state: str = Field(description="open, acknowledged, snoozed or resolved.", examples=["open"])
    marked_by: str | None = Field(
        description="Who acknowledged, snoozed or resolved it, in words; null while it is open, and when a run no "
        "longer found it.",
        examples=["Ada"],
    )
    snoozed_until: str | None = Field(
        description="Until when nothing is said of it; null unless it is snoozed.", examples=["2026-11-28T08:00:00Z"]
    )
    times_seen: int = Field(description="How many runs have reported it.", examples=[3])
    first_seen_at: str = Field(description="When a run reported it first.", examples=["2026-11-25T08:00:04Z"])
    last_seen_at: str = Field(description="When a run reported it last.", examples=[examples.ENDED])
    told_at: str | None = Field(
        description="When people were told of it last; null: never.", examples=["2026-11-25T08:00:04Z"]
    )
    resolved_at: str | None = Field(
        description="When it was resolved; null while it stands.", examples=["2026-11-29T08:00:04Z"]
    )


FINDING = example(FindingObject, marked_by=None, snoozed_until=None, resolved_at=None)


class OneFinding(Answered):
    finding: FindingObject = Field(description="The finding.", examples=[FINDING])


class AllFindings(Answered):
    total: Total
    findings: list[FindingObject] = Field(description="The page's findings, last seen first.", examples=[[FINDING]])
    pagination: PaginationField


def show_finding(listed: ListedFinding) -> dict[str, Any]:
    """The `FindingObject` of a row."""
    row = listed.finding
    return {
        "id": row.uuid,
        "heartbeat_id": listed.heartbeat_uuid,
        "fingerprint": row.fingerprint,
        "title": row.title,
        "severity": row.severity,
        "detail": row.detail,
        "state": row.state,
        "marked_by": row.marked_by if row.state != "open" else None,
        "snoozed_until": moment(row.snoozed_until),
        "times_seen": row.times_seen,
        "first_seen_at": moment(row.first_seen_at),
        "last_seen_at": moment(row.last_seen_at),
        "told_at": moment(row.told_at),
        "resolved_at": moment(row.resolved_at),
    }
