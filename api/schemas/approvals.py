"""Requests about approvals, and the approval object."""

from typing import Any, Literal

from pydantic import Field
from sqlalchemy import Row

from api.responses import moment
from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import Key, OfBot
from api.schemas.pages import PageNumber, PerPage
from api.schemas.response_fields import HeartbeatUuid, PaginationField, Price, RunUuid, Total, WrittenAt
from heartbeat.domain.field_types import Positive
from heartbeat.settings import Settings
from heartbeat.store.runs.approvals import Decision
from heartbeat.store.runs.details import parsed
from heartbeat.store.runs.parks import BUDGET

State = Literal["pending", "approved", "denied", "expired"]
DECISIONS: dict[str, Decision] = {"approve": "approved", "deny": "denied"}


class ListApprovals(OfBot):
    state: State | None = Field(
        None, description="Only those: pending, approved, denied or expired.", examples=["pending"]
    )
    page: PageNumber = 1
    per_page: PerPage = 20


class Decide(OfBot):
    approval_id: Key = Field(description="The approval's `uuid`.", examples=[examples.APPROVAL])
    decision: Literal["approve", "deny"] = Field(
        description="Whether the tool is called, or the run that waits for credits goes on; a denied call is answered "
        "to the model as refused, and a run that is denied credits ends.",
        examples=["approve"],
    )
    credits: Positive | None = Field(
        None,
        description="Of the reason budget: how many more to give; left out, as many as the approval's `credits` says.",
        examples=[None, 20],
    )


class ApprovalObject(Answered):
    """A tool call, or a run without credits for its next step, that waits, or waited, for a person."""

    uuid: str = Field(description="The approval's id.", examples=[examples.APPROVAL])
    heartbeat_id: HeartbeatUuid
    log_id: RunUuid
    step: int = Field(description="The number of the step among the run's.", examples=[2])
    tool: str | None = Field(
        description="The tool, as the model names it; null for the reason budget.", examples=["crm__delete_contact"]
    )
    arguments: Any = Field(
        description="What the model calls the tool with. Of the reason budget `{of, needed, missing, until}`: whose "
        "credits are short (run, heartbeat, bot, project or plan), how many the next step may cost, how many of these "
        "are missing, and when a new period gives them.",
        examples=[{"id": 42}],
    )
    reason: Literal["registration", "combination", "elicitation", "budget"] = Field(
        description="Why it waits: the tool was registered so; of what its agent can do in combination; its server "
        "asks something in the middle of the call; or there are no credits for the next step.",
        examples=["registration"],
    )
    credits: int | None = Field(
        description="Of the reason budget: how many more credits are asked for; once approved, how many were given. "
        "Null if they are the plan's.",
        examples=[None, 20],
    )
    price: Price
    why: str = Field(
        description="The reason in words.", examples=["The tool is registered as one whose calls need a person's yes."]
    )
    state: str = Field(description="pending, approved, denied or expired.", examples=["approved"])
    decided_by: str | None = Field(
        description="Who decided it; null while it waits or when it expired.", examples=["the key CI"]
    )
    decided_at: str | None = Field(description="When it was decided.", examples=["2026-11-27T08:05:10Z"])
    expires_at: str = Field(description="When it counts as denied.", examples=["2026-11-28T08:00:02Z"])
    created_at: WrittenAt


class OneApproval(Answered):
    approval: ApprovalObject = Field(description="The approval.", examples=[example(ApprovalObject)])


class AllApprovals(Answered):
    total: Total
    approvals: list[ApprovalObject] = Field(
        description="The page's approvals, newest first.", examples=[[example(ApprovalObject)]]
    )
    pagination: PaginationField


def show_approval(row: Row[Any], settings: Settings) -> dict[str, Any]:
    """The `ApprovalObject` of a row."""
    return {
        "uuid": row.uuid,
        "heartbeat_id": row.heartbeat_uuid,
        "log_id": row.run_uuid,
        "step": row.step,
        "tool": None if row.reason == BUDGET else row.tool,
        "arguments": parsed(row.arguments),
        "reason": row.reason,
        "credits": row.credits,
        "price": settings.price(row.credits) if row.credits is not None else None,
        "why": row.why,
        "state": row.state,
        "decided_by": row.decided_by,
        "decided_at": moment(row.decided_at),
        "expires_at": moment(row.expires_at),
        "created_at": moment(row.created_at),
    }
