"""The built-in tool `schedule_task`, as a model is offered it. The store carries it out."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, WithJsonSchema

from heartbeat.agents.tools.built_in.tool import BuiltInTool, ToolArguments, schema_of
from heartbeat.agents.tools.definitions import OfferedTool, ToolResult
from heartbeat.domain.cadence.tasks import TaskSchedule
from heartbeat.domain.tool_effects import ScheduleTaskEffect
from heartbeat.settings import Settings

CONFIG = {
    "type": "object",
    "description": "interval: interval_minutes. daily: time. weekly: days and time. once: at, or in_minutes.",
    "properties": {
        "interval_minutes": {"type": "integer", "minimum": 1},
        "time": {"type": "string", "description": "HH:MM"},
        "days": {"type": "array", "items": {"type": "string"}, "description": "Such as monday."},
        "at": {"type": "string", "description": "Such as 2026-11-27T09:00, in the timezone."},
        "in_minutes": {"type": "integer", "minimum": 1},
    },
}


def _text(max_length: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=max_length)


class ScheduleTaskArguments(ToolArguments):
    """What `schedule_task` is asked for."""

    name: Annotated[str, _text(200)]
    prompt: Annotated[str, _text(20_000), Field(description="What to do then, with all that is needed to do it.")]
    schedule_type: Literal["interval", "daily", "weekly", "once"]
    schedule_config: Annotated[dict[str, Any], WithJsonSchema(CONFIG)]
    description: Annotated[str, Field(max_length=2_000, description="What it is for.")] | None = None
    timezone: Annotated[str, Field(max_length=64, description="An IANA name; left out, this task's.")] | None = None
    max_executions: Annotated[int, Field(ge=1, le=1_000_000, description="End after so many runs.")] | None = None

    async def call(self, settings: Settings) -> ToolResult:
        effect = ScheduleTaskEffect(
            self.name,
            self.prompt,
            TaskSchedule(self.schedule_type, self.schedule_config),
            self.description,
            self.timezone,
            self.max_executions,
        )
        return ToolResult("ok", "", effect=effect)


SCHEDULE_TASK = BuiltInTool(
    OfferedTool(
        "schedule_task",
        "Have something done later, once or again and again, in a run of its own that knows its prompt alone. At most "
        "5 in a run, and what was scheduled so cannot schedule more.",
        schema_of(ScheduleTaskArguments),
        idempotent=True,
    ),
    ScheduleTaskArguments,
)
