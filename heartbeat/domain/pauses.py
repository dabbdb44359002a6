"""Why a heartbeat is paused: a cause that is kept as a code, and the sentence made of it where it is shown. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from heartbeat.domain.contracts import PauseReason

PauseCause = Literal["failures", "failed_probes", "budget", "bot_flag", "temporal", "needs_reconnect"]

# What is published of a cause.
REASONS: dict[PauseCause, PauseReason] = {
    "failures": "errors",
    "failed_probes": "errors",
    "budget": "budget",
    "bot_flag": "operator",
    "temporal": "operator",
    "needs_reconnect": "needs_reconnect",
}

FLAG_TURNED_OFF = "The bot's heartbeat flag was turned off; turning it on again lifts this pause."
BY_HAND = "Mend it, then enable again."
# A scheduled task is not enabled but resumed.
RESUME = "Mend it, then resume the task."


@dataclass(frozen=True)
class HeartbeatPause:
    """A pause of a heartbeat, or of a `task`.

    `detail` is the last error, what the budget is short of, the note left in Temporal, or the tools to sign in to;
    `times` counts the failures in a row, or the probes in vain. `probe_at` is when it is tried again by itself. Without
    a `cause` the detail is the whole sentence.
    """

    cause: PauseCause | None
    detail: str | None = None
    times: int = 0
    probe_at: datetime | None = None
    task: bool = False

    @property
    def explanation(self) -> str | None:
        """The cause in a sentence."""
        error = (self.detail or "unknown").rstrip(".")
        match self.cause:
            case "failures":
                times = "once" if self.times == 1 else f"{self.times} times in a row"
                return f"Failed {times}; the last error: {error}."
            case "failed_probes":
                times = "once" if self.times == 1 else f"{self.times} times"
                return f"Tried again {times} in vain; the last error: {error}."
            case "bot_flag":
                return FLAG_TURNED_OFF
            case "temporal":
                return f"Paused in Temporal: {self.detail}"
            case "needs_reconnect":
                return f"A person has to sign in to {self.detail} again; it goes on by itself then."
            case _:
                return self.detail

    @property
    def message(self) -> str | None:
        """The cause, and after failures what comes next: when it is tried again, or that a person has to mend it."""
        if self.cause not in ("failures", "failed_probes"):
            return self.explanation
        return f"{self.explanation} {self._what_next()}"

    def _what_next(self) -> str:
        if self.probe_at is None:
            return RESUME if self.task else BY_HAND
        sooner = "" if self.task else "; enable it to have it run sooner"
        return f"It is tried again at {self.probe_at:%Y-%m-%d %H:%M} (UTC){sooner}."
