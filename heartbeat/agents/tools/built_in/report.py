"""The built-in tool `report`, with which an agent says how its run went."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from heartbeat.agents.tools.built_in.tool import BuiltInTool, ToolArguments, schema_of
from heartbeat.agents.tools.definitions import OfferedTool, ToolResult
from heartbeat.settings import Settings

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000)]


class ReportFinding(BaseModel):
    """One thing that was found."""

    title: Annotated[Line, Field(description="What is the matter, in one line.")]
    severity: Annotated[Literal["info", "warning", "critical"], Field(description="How much it matters.")]
    fingerprint: Annotated[
        Line,
        Field(
            description="A short name of this matter that is the same every time it is found, such as "
            "'disk-full:web-1'. No dates, counts or wording that changes."
        ),
    ]
    detail: Annotated[str | None, Field(max_length=4_000, description="What a person needs to act on it.")] = None


class ReportArguments(ToolArguments):
    """How a run went, as its agent says."""

    outcome: Annotated[
        Literal["ok", "nothing_to_report", "failed"],
        Field(
            description="ok: the task was done. nothing_to_report: it was done, and there is nothing that anyone needs "
            "to read. failed: it could not be done."
        ),
    ]
    summary: Annotated[Words, Field(description="The outcome in a sentence or two; if it failed, why.")]
    findings: Annotated[
        list[ReportFinding], Field(max_length=50, description="What was found; leave it out if nothing.")
    ] = Field(default_factory=list)

    async def call(self, settings: Settings) -> ToolResult:
        """Hand the report to the run, which is written with the call's outcome."""
        return ToolResult("ok", "Reported.", report=self.model_dump(mode="json"))


REPORT = BuiltInTool(
    OfferedTool(
        "report",
        "Say how this run went. Call it once, at the end, when everything else is done. Use outcome 'failed' if the "
        "task could not be done, so that its owner hears of it, and 'nothing_to_report' if nobody needs to hear of it.",
        schema_of(ReportArguments),
        idempotent=True,
        acts=False,
    ),
    ReportArguments,
)
