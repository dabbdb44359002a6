"""The built-in tool `schedule_task`, as a model is told of it. The store carries it out."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, WithJsonSchema

from heartbeat.agents.tools.definitions import OfferedTool

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


def _storable(given: str) -> str:
    if "\0" in given:
        raise ValueError("has a NUL character; leave it out")
    return given


Storable = AfterValidator(_storable)


def _text(longest: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=longest)


class ScheduleTaskArguments(BaseModel):
    """What `schedule_task` is asked for."""

    name: Annotated[str, _text(200), Storable]
    prompt: Annotated[
        str, _text(20_000), Storable, Field(description="What to do then, with all that is needed to do it.")
    ]
    schedule_type: Literal["interval", "daily", "weekly", "once"]
    schedule_config: Annotated[dict[str, Any], WithJsonSchema(CONFIG)]
    description: Annotated[str, Field(max_length=2_000, description="What it is for."), Storable] | None = None
    timezone: Annotated[str, Field(max_length=64, description="An IANA name; left out, this task's.")] | None = None
    max_executions: Annotated[int, Field(ge=1, le=1_000_000, description="End after so many runs.")] | None = None


ARGUMENTS: dict[str, type[BaseModel]] = {"schedule_task": ScheduleTaskArguments}
DEFINITIONS = [
    OfferedTool(
        "schedule_task",
        "Have something done later, once or again and again, in a run of its own that knows its prompt alone. At most "
        "5 in a run, and what was scheduled so cannot schedule more.",
        ScheduleTaskArguments.model_json_schema(),
        idempotent=True,
    )
]
