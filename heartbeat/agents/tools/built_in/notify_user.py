"""The built-in tool `notify_user`: what an agent has to say to a person, at once and not with the run's end."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from heartbeat.agents.tools.built_in.tool import BuiltInTool, ToolArguments, schema_of
from heartbeat.agents.tools.definitions import OfferedTool, ToolResult
from heartbeat.domain.tool_effects import NotifyUserEffect
from heartbeat.settings import Settings

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000)]


class NotifyUserArguments(ToolArguments):
    """What a person is to be told."""

    title: Annotated[Title, Field(description="What it is about, in one line.")]
    message: Annotated[Text, Field(description="What they need to know, in a few sentences.")]
    priority: Annotated[
        Literal["low", "normal", "urgent"],
        Field(description="urgent: somebody should look at it at once. low: it can wait."),
    ] = "normal"
    action_url: Annotated[
        str | None,
        Field(max_length=2_000, pattern="^https?://", description="The web address where they can act on it, if any."),
    ] = None

    async def call(self, settings: Settings) -> ToolResult:
        return ToolResult("ok", "", effect=NotifyUserEffect(self.title, self.message, self.priority, self.action_url))


NOTIFY_USER = BuiltInTool(
    OfferedTool(
        "notify_user",
        "Send a person a message now. Use it sparingly, for what cannot wait for the end of the run or is not a "
        "finding: what you report as a finding is told by itself. It may be called 5 times in a run.",
        schema_of(NotifyUserArguments),
        idempotent=True,
    ),
    NotifyUserArguments,
)
