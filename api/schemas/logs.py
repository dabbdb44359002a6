"""Requests for logs, and the log object."""

from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field
from sqlalchemy import Row

from api.responses import moment
from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import Key, OfBot
from api.schemas.pages import PageNumber, PerPage
from api.schemas.ratings import RatingObject, show_rating
from api.schemas.response_fields import (
    CostUsd,
    CreditsCharged,
    HeartbeatUuid,
    Model,
    PaginationField,
    Price,
    RunUuid,
    TokensUsed,
    Total,
    WrittenAt,
)
from heartbeat.domain.field_types import Flag
from heartbeat.domain.money import dollars
from heartbeat.settings import Settings
from heartbeat.store.runs.logs import delay_ms

Status = Literal["success", "error", "skipped", "cancelled", "running"]

RESPONSE = "The agent's last answer."
ERROR_MESSAGE = "Why it failed, in a sentence; null when it did not."
SKIP_REASON = (
    "Why it was skipped: overlap, missed, budget, plan, disabled_bot, held, needs_reconnect, unchanged, gate_failed; "
    "null: it was not."
)
DURATION = "How long it took, in milliseconds; null while it runs, and of a tick that never ran."


class ListLogs(OfBot):
    heartbeat_id: Key | None = Field(
        None, description="Only those of this heartbeat or scheduled task.", examples=[examples.HEARTBEAT]
    )
    member_id: Key | None = Field(None, description="Only those of this subscriber.", examples=[examples.MEMBER])
    status: Status | None = Field(
        None, description="Only these; `running` lists the runs still going.", examples=["error"]
    )
    dry_run: Flag = Field(False, description="true: the rehearsals, which are listed nowhere else.", examples=[False])
    page: PageNumber = 1
    per_page: PerPage = 20

    @property
    def heartbeat_key(self) -> str:
        return self.heartbeat_id or ""


class GateSeen(Answered):
    """What a look at the gate came to."""

    outcome: str = Field(
        description="first (there was nothing to compare with yet), unchanged, changed or failed.", examples=["changed"]
    )
    detail: str | None = Field(
        description="Why it failed, in words; null when it did not.",
        examples=[None, "https://example.com/feed.json answered 503 Service Unavailable."],
    )


class LogObject(Answered):
    """The log of a run, or of a tick that was skipped."""

    uuid: RunUuid
    type: str = Field(description="heartbeat or scheduled_task.", examples=["heartbeat"])
    status: str = Field(description="success, error, skipped, cancelled or running.", examples=["success"])
    waiting: Literal["approval", "budget", "rate_limit", "capacity"] | None = Field(
        description="What a run in progress waits for: a person's approval of a call, credits for its next step, "
        "its turn at a provider that limits the rate, or a free slot where runs are bounded; null: for nothing.",
        examples=[None, "budget"],
    )
    trigger: str = Field(
        description="What started it: schedule, manual, or probe (it was paused, and tried again).",
        examples=["schedule"],
    )
    triggered_by: str | None = Field(
        description="Who started it by hand, in words: the person or the key; null of any other.",
        examples=["the key CI"],
    )
    cancelled_by: str | None = Field(
        description="Who cancelled it, in words; null of any other, and of one that a hold cancelled.", examples=[None]
    )
    dry_run: bool = Field(description="A rehearsal: calls that act were written down and not made.", examples=[False])
    replay_of: str | None = Field(
        description="Of a replay, which is a rehearsal: the run whose recorded tool results it was answered with.",
        examples=[None],
    )
    cut: bool = Field(
        description="Its last answer was cut off at the bot's max_reply_tokens. A run whose tools had done its work "
        "by then is a success all the same.",
        examples=[False],
    )
    paused_tools: list[str] = Field(
        description="The tools that its heartbeat uses and that it had to do without: they changed, and nobody has "
        "accepted that yet.",
        examples=[[], ["desk__escalate"]],
    )
    gate: GateSeen | None = Field(
        description="What was seen at its gate; null if that was not asked.", examples=[None, example(GateSeen)]
    )
    heartbeat_id: HeartbeatUuid
    prompt: str = Field(description="The prompt, as it was at the run.", examples=[examples.PROMPT])
    emptied_at: str | None = Field(
        description="When its texts were removed, for its plan does not keep them any longer: prompt, answers, report, "
        "arguments and results of tools. They are empty since then.",
        examples=[None, examples.DUE],
    )
    response: str | None = Field(description=RESPONSE, examples=[examples.RESPONSE])
    error_code: str | None = Field(
        description="A stable word for what `error_message` says; null when it did not fail.", examples=["key_rejected"]
    )
    error_message: str | None = Field(
        description=ERROR_MESSAGE,
        examples=["openai:gpt-4o-mini: the provider rejected the key; put a valid one in the workers' settings."],
    )
    skip_reason: str | None = Field(description=SKIP_REASON, examples=["overlap"])
    report: dict[str, Any] | None = Field(
        description="What the agent itself reported: `outcome`, `summary` and `findings`; null: nothing.",
        examples=[{"outcome": "nothing_to_report", "summary": examples.RESPONSE, "findings": []}],
    )
    rating: RatingObject | None = Field(
        description="What a person said of it; null: nobody did.", examples=[None, example(RatingObject)]
    )
    expect_met: bool | None = Field(
        description="Whether the run did what its heartbeat expects of it (`expect`); null: nothing was expected, or "
        "it failed for another reason.",
        examples=[True],
    )
    model: Model
    duration_ms: int | None = Field(description=DURATION, examples=[3900])
    tokens_used: TokensUsed
    credits_charged: CreditsCharged
    price: Price
    cost_usd: CostUsd
    scheduled_for: str | None = Field(description="The tick it is of; null for a manual run.", examples=[examples.DUE])
    started_at: str = Field(
        description="When it began; of a tick that never ran, when that was noticed.", examples=[examples.DUE]
    )
    delay_ms: int | None = Field(
        description="From `scheduled_for` to `started_at`; null for a manual run and for a tick that nothing started.",
        examples=[180],
    )
    created_at: WrittenAt
    temporal_url: str | None = Field(
        description="The run in Temporal's UI; null for a tick that never became one.",
        examples=[
            f"http://127.0.0.1:8233/namespaces/default/workflows/{examples.HEARTBEAT}-{quote(examples.DUE)}/"
            "0197e5c4-8a51-7f1c-9f0e-2d6a4b8c1e37/history"
        ],
    )


# A run that succeeded has no such fields.
SUCCEEDED: dict[str, Any] = {"error_code": None, "error_message": None, "skip_reason": None}


class Logs(Answered):
    total: Total
    logs: list[LogObject] = Field(
        description="The page's logs, newest first.", examples=[[example(LogObject, **SUCCEEDED)]]
    )
    pagination: PaginationField


class RehearsedCallObject(Answered):
    """A call that was written down and not made."""

    tool: str = Field(description="The tool, as the model names it.", examples=["crm__delete_contact"])
    arguments: Any = Field(description="What the model called it with.", examples=[{"id": 42}])
    needs_approval: bool = Field(description="A person would have been asked first.", examples=[True])


class RehearsedMessage(Answered):
    """A target that would have been told of an event."""

    event: str = Field(description="The kind of event.", examples=["approval.requested"])
    channel: str = Field(description="The target's channel.", examples=["slack"])
    name: str = Field(description="What people call the target.", examples=["Team"])


class RehearsalObject(Answered):
    """What a rehearsal would have done, in the order in which it would have happened."""

    would_have_called: list[RehearsedCallObject] = Field(
        description="The calls it would have made.", examples=[[example(RehearsedCallObject)]]
    )
    would_have_told: list[RehearsedMessage] = Field(
        description="The targets it would have told.", examples=[[example(RehearsedMessage)]]
    )


class TriggerResult(Answered):
    """What a run came to, in short."""

    status: str = Field(description="success, error, skipped, cancelled or running.", examples=["success"])
    response: str | None = Field(None, description=RESPONSE, examples=[examples.RESPONSE])
    duration_ms: int | None = Field(None, description=DURATION, examples=[3900])
    tokens_used: TokensUsed = 0
    credits_charged: CreditsCharged = 0
    price: Price = None
    error_message: str | None = Field(None, description=ERROR_MESSAGE, examples=[None])
    skip_reason: str | None = Field(None, description=SKIP_REASON, examples=[None])
    log_id: str | None = Field(None, description="The log's id.", examples=[examples.RUN])
    rehearsal: RehearsalObject | None = Field(
        None,
        description="Of a dry run: what it would have done; it is not there of another run.",
        examples=[example(RehearsalObject)],
    )


class Triggered(Answered):
    result: TriggerResult = Field(description="What the run came to.", examples=[example(TriggerResult)])


def show_log(run: Row[Any], settings: Settings) -> dict[str, Any]:
    """The `LogObject` of a run."""
    return {
        "uuid": run.uuid,
        "type": run.type,
        "status": run.status,
        "waiting": run.waiting,
        "trigger": run.trigger,
        "triggered_by": run.triggered_by,
        "cancelled_by": run.cancelled_by if run.status == "cancelled" else None,
        "dry_run": run.dry_run,
        "replay_of": run.replay_of,
        "cut": run.cut,
        "paused_tools": run.paused_tools or [],
        "gate": {name: run.gate[name] for name in GateSeen.model_fields} if run.gate else None,
        "heartbeat_id": run.heartbeat_uuid,
        "prompt": run.prompt,
        "emptied_at": moment(run.emptied_at),
        "response": run.response,
        "error_code": run.error_code,
        "error_message": run.error_message,
        "skip_reason": run.skip_reason,
        "report": run.report,
        "rating": show_rating(run),
        "expect_met": run.expect_met,
        "model": run.model,
        "duration_ms": run.duration_ms,
        "tokens_used": run.tokens_used,
        "credits_charged": run.credits_charged,
        "price": settings.price(run.credits_charged),
        "cost_usd": dollars(run.cost_nano_usd),
        "scheduled_for": moment(run.scheduled_for),
        "started_at": moment(run.started_at),
        "delay_ms": delay_ms(run),
        "created_at": moment(run.created_at),
        "temporal_url": temporal_url(run.workflow_id, run.workflow_run_id, settings),
    }


def temporal_url(workflow_id: str | None, run_id: str | None, settings: Settings) -> str | None:
    """Where Temporal's UI shows a run; `None` for a tick that never became one."""
    if workflow_id is None or run_id is None:
        return None
    namespace, workflow = quote(settings.temporal_namespace, safe=""), quote(workflow_id, safe="")
    return f"{settings.ui_url()}/namespaces/{namespace}/workflows/{workflow}/{run_id}/history"
