"""What crosses Temporal: ids, small words and numbers. Never a prompt, a transcript or an answer."""

from dataclasses import dataclass
from typing import Literal

Trigger = Literal["schedule", "manual", "probe"]
RunStatus = Literal["running", "success", "error", "skipped", "cancelled"]
SkipReason = Literal["overlap", "missed", "budget", "plan", "disabled_bot"]
PauseReason = Literal["errors", "budget", "operator", "plan"]

AGENT_RUN = "AgentRun"
UPKEEP = "Upkeep"
NOTIFY = "Notify"
UPKEEP_SCHEDULE_ID = "heartbeat-upkeep"
# Of heartbeats and of scheduled tasks.
SCHEDULE_PREFIXES = ("hb_", "task_")


@dataclass(frozen=True)
class RunRequest:
    """Starts `AgentRun`. `version` is the row's version when the schedule was put; `run` is given for manual runs.

    `tick` (ISO-8601 UTC) is given when not the schedule but the product itself starts a tick that the schedule lost.
    `dry_run`: a rehearsal, whose acting calls are written down and not made.
    """

    heartbeat: str
    version: int
    trigger: Trigger = "schedule"
    run: str | None = None
    tick: str | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class OpenRunInput:
    """What `open_run` needs to claim a tick. `scheduled_for` is ISO-8601 UTC, `None` for a manual run."""

    request: RunRequest
    workflow_id: str
    workflow_run_id: str
    scheduled_for: str | None


@dataclass(frozen=True)
class OpenRunResult:
    """`go` false: nothing to do, `why` says so. `model` is its label for Temporal's UI."""

    go: bool
    run: str | None = None
    why: str = ""
    model: str = ""
    sync: bool = False
    step_seconds: int = 120
    step_attempts: int = 5
    run_seconds: int = 900
    max_steps: int = 20
    tool_seconds: int = 60


@dataclass(frozen=True)
class ThinkInput:
    """One model request: step `number` of run `run`."""

    run: str
    number: int


@dataclass(frozen=True)
class PendingCall:
    """A tool call the model asks for, written as step `number`; `tool` is its label for Temporal's UI."""

    number: int
    tool: str


@dataclass(frozen=True)
class CloseRunResult:
    """What is left to do after a run was closed: `sync` means the heartbeat's schedule must follow its row.

    `tell` are the notifications to deliver.
    """

    status: RunStatus
    sync: bool = False
    tell: tuple[str, ...] = ()


@dataclass(frozen=True)
class ThinkResult:
    """What a step came to: `calls` to make before the next one, or the end of the run.

    With an `error_code` the run ends as an error. With a `verdict` it is closed already.
    """

    calls: tuple[PendingCall, ...] = ()
    error_code: str | None = None
    message: str | None = None
    verdict: CloseRunResult | None = None

    @property
    def status(self) -> RunStatus:
        """What a run comes to that ends with this step."""
        return "error" if self.error_code else "success"


@dataclass(frozen=True)
class ActInput:
    """One tool call: step `number` of run `run`."""

    run: str
    number: int


@dataclass(frozen=True)
class ActResult:
    """What became of a call: `waiting` is for how many seconds at the most it waits for a person to decide.

    `tell` are the notifications to deliver.
    """

    waiting: float | None = None
    tell: tuple[str, ...] = ()


@dataclass(frozen=True)
class CloseRunInput:
    """How a run ended. `message` is for the owner, in words that say what to do."""

    run: str
    status: RunStatus
    error_code: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class DeliveryResult:
    """Where a notification stands after an attempt; `again_in` are the seconds to the next one, `None`: no more."""

    status: str
    again_in: float | None = None


@dataclass(frozen=True)
class RunResult:
    """The result of `AgentRun`, as Temporal's UI shows it; the log has the rest."""

    status: str
    run: str | None = None
    why: str = ""
