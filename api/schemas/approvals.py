"""Requests about approvals, and the approval object."""

from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Row

from api.responses import moment
from api.schemas.fields import Key, OfBot
from api.schemas.pages import PageNumber, Pagination, PerPage
from heartbeat.store.runs.approvals import Decision
from heartbeat.store.runs.details import parsed

State = Literal["pending", "approved", "denied", "expired"]
DECISIONS: dict[str, Decision] = {"approve": "approved", "deny": "denied"}


class ListApprovals(OfBot):
    state: State | None = Field(None, description="Only those: pending, approved, denied or expired.")
    page: PageNumber = 1
    per_page: PerPage = 20


class Decide(OfBot):
    approval_id: Key
    decision: Literal["approve", "deny"]


class ApprovalObject(BaseModel):
    uuid: str
    heartbeat_id: str
    log_id: str
    step: int
    tool: str
    arguments: Any
    reason: Literal["registration", "combination"] = Field(description="The tool's own, or what its agent can do.")
    why: str = Field(description="The reason in words.")
    state: str
    decided_by: str | None
    decided_at: str | None
    expires_at: str
    created_at: str


class OneApproval(BaseModel):
    approval: ApprovalObject


class AllApprovals(BaseModel):
    total: int
    approvals: list[ApprovalObject]
    pagination: Pagination


def show_approval(row: Row[Any]) -> dict[str, Any]:
    """An approval object."""
    return {
        "uuid": row.uuid,
        "heartbeat_id": row.heartbeat_uuid,
        "log_id": row.run_uuid,
        "step": row.step,
        "tool": row.tool,
        "arguments": parsed(row.arguments),
        "reason": row.reason,
        "why": row.why,
        "state": row.state,
        "decided_by": row.decided_by,
        "decided_at": moment(row.decided_at),
        "expires_at": moment(row.expires_at),
        "created_at": moment(row.created_at),
    }
