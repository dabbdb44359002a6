"""What crosses Temporal: ids, small words and numbers. Never a prompt, a transcript or an answer."""

from dataclasses import dataclass
from typing import Literal

Trigger = Literal["schedule", "manual", "probe"]
RunStatus = Literal["running", "success", "error", "skipped", "cancelled"]
SkipReason = Literal[
    "overlap", "missed", "budget", "plan", "disabled_bot", "held", "needs_reconnect", "unchanged", "gate_failed"
]
PauseReason = Literal["errors", "budget", "operator", "plan", "needs_reconnect"]

AGENT_RUN = "AgentRun"
UPKEEP = "Upkeep"
NOTIFY = "Notify"
# The second argument of `AgentRun`: the activity that opens the run takes its first step as well. In runs without one,
# which an earlier version started, two do. A worker of such a version takes one argument alone, so that it leaves the
# run to those who can begin it so: what another began otherwise no replay could go on with.
OPEN_AND_THINK = "open_and_think"
UPKEEP_SCHEDULE_ID = "heartbeat-upkeep"
# Why a step was not ended by the worker that had it: another one goes on with it.
WORKER_STOPPED = "worker_stopped"
# Why a workflow was asked to end: by somebody, or by a hold of the project.
CANCELLED_BY_HAND = "cancelled over the API"
CANCELLED_BY_HOLD = "cancelled by a hold"
# Of heartbeats and of scheduled tasks.
SCHEDULE_PREFIXES = ("hb_", "task_")

# What a field is called inside Temporal, where it is not called as here. Schedules, histories and the workers of
# another version outlive a name in this file: rename a field freely, and keep its name inside Temporal in this table.
WIRE_NAMES = {
    "approval_seconds": "waiting",
    "close_result": "verdict",
    "heartbeat_uuid": "heartbeat",
    "notification_uuids": "tell",
    "reason": "why",
    "retry_seconds": "again_in",
    "run_uuid": "run",
    "schedule_changed": "sync",
    "should_run": "go",
}


@dataclass(frozen=True)
class RunRequest:
    """Starts `AgentRun`. `version` is the row's version when the schedule was put.

    `gated`: it had a gate then, which only spares a look at the row; a manual run asks its gate only if this is true.

    `run_uuid` is the id that a manual run was promised. `tick` (ISO-8601 UTC) is set when the product itself, and not
    the schedule, starts a tick that the schedule lost. `dry_run` is a rehearsal: tool calls that act are written down
    and not made. `delay_seconds`: the schedule starts it so long after its tick. `triggered_by` is the `reference` of
    whoever started a manual run, where that is known.
    """

    heartbeat_uuid: str
    version: int
    trigger: Trigger = "schedule"
    run_uuid: str | None = None
    tick: str | None = None
    dry_run: bool = False
    gated: bool = False
    delay_seconds: int = 0
    triggered_by: str | None = None

    @property
    def arguments(self) -> list[object]:
        """What `AgentRun` is started with."""
        return [self, OPEN_AND_THINK]


@dataclass(frozen=True)
class OpenRunInput:
    """What `open_run` needs to claim a tick. `scheduled_for` is ISO-8601 UTC, `None` for a manual run.

    `temporal_time` is when the workflow asked, by Temporal's clock.
    """

    request: RunRequest
    workflow_id: str
    workflow_run_id: str
    scheduled_for: str | None
    temporal_time: str | None = None


@dataclass(frozen=True)
class OpenRunResult:
    """Whether the tick becomes a run, and its limits; `reason` says why it does not.

    `run_uuid` is `None` for a tick that leaves no log. `model`, and the `fallback_models` that may be asked after it,
    are labels for Temporal's UI. `look_first`: nothing was decided yet, for the heartbeat has a gate.
    """

    should_run: bool
    run_uuid: str | None = None
    reason: str = ""
    model: str = ""
    schedule_changed: bool = False
    step_seconds: int = 120
    step_attempts: int = 5
    run_seconds: int = 900
    max_steps: int = 20
    tool_seconds: int = 60
    look_first: bool = False
    notification_uuids: tuple[str, ...] = ()
    fallback_models: tuple[str, ...] = ()


@dataclass(frozen=True)
class ThinkInput:
    """One model request: step `number` of a run.

    `model_index` is which of the run's models is asked, 0 for its own; `earlier_attempts` is how many attempts at the
    step were made when those before it were asked, or before the step waited. `turn` (ISO-8601) is when its provider,
    which limits the rate, may be asked: the step has waited for that.
    """

    run_uuid: str
    number: int
    model_index: int = 0
    earlier_attempts: int = 0
    turn: str | None = None


@dataclass(frozen=True)
class PendingCall:
    """A tool call that the model asks for, written as step `number`; `tool` is a label for Temporal's UI."""

    number: int
    tool: str


@dataclass(frozen=True)
class CloseRunResult:
    """What is left to do once a run is closed: update the schedule from its row, deliver the notifications."""

    status: RunStatus
    schedule_changed: bool = False
    notification_uuids: tuple[str, ...] = ()


@dataclass(frozen=True)
class ThinkResult:
    """What a step came to: `calls` to make before the next one, or the end of the run.

    With an `error_code` the run ends as an error. With a `close_result` it is closed already. With a `next_model` the
    step has no answer yet: that one, by its index, is asked next, `attempts` having been made; it is the same one where
    a worker was stopped, which the error says then. With `park_seconds` the
    step waits for credits, at most so long; its error is for workers of earlier versions, which know no waiting.
    With `wait_seconds` it waits so long for its `turn` at a provider. `reminded`: the model was told what its answer
    lacks, and is asked again.
    """

    calls: tuple[PendingCall, ...] = ()
    error_code: str | None = None
    message: str | None = None
    close_result: CloseRunResult | None = None
    next_model: int | None = None
    attempts: int = 0
    park_seconds: float | None = None
    notification_uuids: tuple[str, ...] = ()
    reminded: bool = False
    wait_seconds: float | None = None
    turn: str | None = None

    @property
    def status(self) -> RunStatus:
        """The status of a run that ends with this step."""
        return "error" if self.error_code else "success"


@dataclass(frozen=True)
class OpenAndThinkResult:
    """An opened run, and what its first step came to.

    Without `thought` the step is still to be taken, after `failed_attempts` that were made or lost. `seconds` of the
    run's time have gone by since it was opened.
    """

    opened: OpenRunResult
    thought: ThinkResult | None = None
    failed_attempts: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class ActInput:
    """One tool call: step `number` of a run."""

    run_uuid: str
    number: int


@dataclass(frozen=True)
class ActResult:
    """What became of a call. `approval_seconds`: it waits at most so long for a person to decide."""

    approval_seconds: float | None = None
    notification_uuids: tuple[str, ...] = ()


@dataclass(frozen=True)
class CloseRunInput:
    """How a run ended. `message` is for the owner and says what to do. `by_hand`: somebody cancelled it."""

    run_uuid: str
    status: RunStatus
    error_code: str | None = None
    message: str | None = None
    by_hand: bool = False


@dataclass(frozen=True)
class DeliveryResult:
    """The status of a notification after an attempt. `retry_seconds`: until the next one, `None` for no more."""

    status: str
    retry_seconds: float | None = None


@dataclass(frozen=True)
class RunResult:
    """The result of `AgentRun`, as Temporal's UI shows it; the log has the rest."""

    status: str
    run_uuid: str | None = None
    reason: str = ""
