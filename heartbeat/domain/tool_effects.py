"""What the built-in tools have the store do: from an agent's checked arguments to the transaction. Pure."""

from dataclasses import dataclass
from typing import Literal

from heartbeat.domain.cadence.tasks import TaskSchedule


@dataclass(frozen=True)
class RememberEffect:
    """Keep a text for later runs."""

    text: str


@dataclass(frozen=True)
class RecallEffect:
    """Look up memories by their words; the newest if there are none."""

    query: str


@dataclass(frozen=True)
class ForgetEffect:
    """Delete the memory with this public id."""

    memory_uuid: str


@dataclass(frozen=True)
class NotifyUserEffect:
    """Send a person a message."""

    title: str
    message: str
    priority: Literal["low", "normal", "urgent"]
    action_url: str | None


@dataclass(frozen=True)
class ScheduleTaskEffect:
    """Make a scheduled task. `timezone` is that of the run's own heartbeat when left out."""

    name: str
    prompt: str
    schedule: TaskSchedule
    description: str | None
    timezone: str | None
    max_executions: int | None


ToolEffect = RememberEffect | RecallEffect | ForgetEffect | NotifyUserEffect | ScheduleTaskEffect
