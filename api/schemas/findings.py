"""Requests about findings, and the finding object."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from api.responses import moment
from api.schemas.fields import Key, OfBot
from api.schemas.pages import PageNumber, Pagination, PerPage
from heartbeat.domain.field_types import Whole
from heartbeat.store.notifications.findings import ListedFinding

Minutes = Annotated[Whole, Field(ge=1, le=366 * 1440)]


class ListFindings(OfBot):
    heartbeat_id: Key | None = Field(None, description="Only those of this heartbeat.")
    state: Literal["open", "acknowledged", "snoozed", "resolved"] | None = None
    page: PageNumber = 1
    per_page: PerPage = 10

    @property
    def heartbeat_key(self) -> str:
        return self.heartbeat_id or ""


class OfFinding(OfBot):
    finding_id: Key = Field(description="The finding's id (fnd_…).")


class SnoozeFinding(OfFinding):
    minutes: Minutes = Field(description="For how long nothing is said of it.")


class FindingObject(BaseModel):
    id: str
    heartbeat_id: str
    fingerprint: str
    title: str
    severity: str
    detail: str | None
    state: str
    snoozed_until: str | None
    times_seen: int
    first_seen_at: str
    last_seen_at: str
    told_at: str | None
    resolved_at: str | None


class OneFinding(BaseModel):
    finding: FindingObject


class AllFindings(BaseModel):
    total: int
    findings: list[FindingObject]
    pagination: Pagination


def show_finding(listed: ListedFinding) -> dict[str, Any]:
    """A finding object."""
    row = listed.finding
    return {
        "id": row.uuid,
        "heartbeat_id": listed.heartbeat,
        "fingerprint": row.fingerprint,
        "title": row.title,
        "severity": row.severity,
        "detail": row.detail,
        "state": row.state,
        "snoozed_until": moment(row.snoozed_until),
        "times_seen": row.times_seen,
        "first_seen_at": moment(row.first_seen_at),
        "last_seen_at": moment(row.last_seen_at),
        "told_at": moment(row.told_at),
        "resolved_at": moment(row.resolved_at),
    }
