"""Heartbeats to begin from. Each is a file in `heartbeats/`, named for what it does; a new file is all it takes."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.heartbeat_fields import HeartbeatFields
from heartbeat.gallery.files import TemplateError, read

FILES = Path(__file__).parent / "heartbeats"
ADVICE = "see docs/dashboard.md, Templates"

Words = Annotated[str, Field(min_length=1, max_length=200)]


class TemplateFields(HeartbeatFields):
    """What configure takes, and nothing else."""

    model_config = ConfigDict(extra="forbid")

    interval_minutes: Annotated[int, Field(ge=1)] | None = None


class Template(BaseModel):
    """A heartbeat to begin from: its name and what it is for, the `tools` it is good with, and its fields."""

    model_config = ConfigDict(extra="forbid")

    name: Words
    description: Words
    tools: list[Words] = []
    heartbeat: TemplateFields

    @property
    def values(self) -> dict[str, Any]:
        """Return those of `HeartbeatFields` that the file has."""
        return self.heartbeat.model_dump(exclude_unset=True)


@cache
def templates() -> dict[str, Template]:
    """Read the whole gallery, by file name, in the order of the names that people read; raises `TemplateError`."""
    files = {path.stem: read_template(path) for path in sorted(FILES.glob("*.yaml"))}
    return dict(sorted(files.items(), key=lambda item: item[1].name))


def read_template(path: Path) -> Template:
    """Read one file; raises `TemplateError`."""
    template = read(path, Template, ADVICE)
    try:
        _require_cadence(template.heartbeat)
    except CadenceError as problem:
        raise TemplateError(f"{path.name}: heartbeat.{problem}; {ADVICE}") from None
    return template


def _require_cadence(fields: TemplateFields) -> None:
    """Raises `CadenceError` unless it is due at some time."""
    Cadence(
        fields.timezone,
        fields.cron_pattern,
        fields.interval_minutes,
        active_hours_start=fields.active_hours_start,
        active_hours_end=fields.active_hours_end,
        active_days=fields.active_days,
    ).validated()
