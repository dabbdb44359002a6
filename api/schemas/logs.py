"""Requests for logs, and the log object."""

from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, Field
from sqlalchemy import Row

from api.responses import dollars, moment
from api.schemas.fields import Key, OfBot
from api.schemas.pages import PageNumber, Pagination, PerPage
from heartbeat.domain.field_types import Flag
from heartbeat.settings import Settings
from heartbeat.store.runs.logs import delay_ms

Status = Literal["success", "error", "skipped", "cancelled", "running"]


class ListLogs(OfBot):
    heartbeat_id: Key | None = Field(None, description="Only those of this heartbeat.")
    member_id: Key | None = Field(None, description="Only those of this subscriber.")
    status: Status | None = Field(None, description="Only these; `running` lists the runs still going.")
    dry_run: Flag = Field(False, description="true: the rehearsals, which are listed nowhere else.")
    page: PageNumber = 1
    per_page: PerPage = 20

    @property
    def heartbeat_key(self) -> str:
        return self.heartbeat_id or ""


class LogObject(BaseModel):
    uuid: str
    type: str
    status: str
    trigger: str
    dry_run: bool = Field(description="A rehearsal: calls that act were written down and not made.")
    heartbeat_id: str
    prompt: str = Field(description="As it was at the run.")
    response: str | None
    error_code: str | None
    error_message: str | None
    skip_reason: str | None
    report: dict[str, Any] | None = Field(description="What the agent itself reported: `outcome` and `findings`.")
    model: str
    duration_ms: int | None
    tokens_used: int
    credits_charged: int
    cost_usd: str = Field(description="What the providers charge for it in US dollars, as a decimal number.")
    scheduled_for: str | None
    started_at: str
    delay_ms: int | None = Field(
        description="From `scheduled_for` to `started_at`; null for a manual run and for a tick that nothing started."
    )
    created_at: str
    temporal_url: str | None = Field(description="The run in Temporal's UI; null for a tick that never became one.")


class Logs(BaseModel):
    total: int
    logs: list[LogObject]
    pagination: Pagination


class RehearsedCallObject(BaseModel):
    tool: str
    arguments: Any
    needs_approval: bool = Field(description="A person would have been asked first.")


class RehearsedMessage(BaseModel):
    event: str
    channel: str
    name: str


class RehearsalObject(BaseModel):
    would_have_called: list[RehearsedCallObject]
    would_have_told: list[RehearsedMessage]


class TriggerResult(BaseModel):
    status: str
    response: str | None = None
    duration_ms: int | None = None
    tokens_used: int = 0
    credits_charged: int = 0
    error_message: str | None = None
    skip_reason: str | None = None
    log_id: str | None = None
    rehearsal: RehearsalObject | None = Field(None, description="Of a dry run: what it would have done.")


class Triggered(BaseModel):
    result: TriggerResult


def show_log(run: Row[Any], settings: Settings) -> dict[str, Any]:
    """A log object, as API.md has it."""
    return {
        "uuid": run.uuid,
        "type": run.type,
        "status": run.status,
        "trigger": run.trigger,
        "dry_run": run.dry_run,
        "heartbeat_id": run.heartbeat_uuid,
        "prompt": run.prompt,
        "response": run.response,
        "error_code": run.error_code,
        "error_message": run.error_message,
        "skip_reason": run.skip_reason,
        "report": run.report,
        "model": run.model,
        "duration_ms": run.duration_ms,
        "tokens_used": run.tokens_used,
        "credits_charged": run.credits_charged,
        "cost_usd": dollars(run.cost_nano_usd),
        "scheduled_for": moment(run.scheduled_for),
        "started_at": moment(run.started_at),
        "delay_ms": delay_ms(run),
        "created_at": moment(run.created_at),
        "temporal_url": temporal_url(run.workflow_id, run.workflow_run_id, settings),
    }


def temporal_url(workflow_id: str | None, run_id: str | None, settings: Settings) -> str | None:
    """Where Temporal's UI shows a run; a tick that never became one is shown nowhere."""
    if workflow_id is None or run_id is None:
        return None
    namespace, workflow = quote(settings.temporal_namespace, safe=""), quote(workflow_id, safe="")
    return f"{settings.ui_url()}/namespaces/{namespace}/workflows/{workflow}/{run_id}/history"
