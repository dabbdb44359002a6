"""The built-in tools `remember`, `recall` and `forget`, as a model is offered them. The store carries them out."""

from typing import Annotated

from pydantic import Field, StringConstraints

from heartbeat.agents.tools.built_in.tool import BuiltInTool, ToolArguments, schema_of
from heartbeat.agents.tools.definitions import OfferedTool, ToolResult
from heartbeat.domain.tool_effects import ForgetEffect, RecallEffect, RememberEffect
from heartbeat.settings import Settings

MAX_LENGTH = 4_000


class RememberArguments(ToolArguments):
    """What `remember` is asked for."""

    text: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_LENGTH),
        Field(description="One thing, in words it will be understood by in a month."),
    ]

    async def call(self, settings: Settings) -> ToolResult:
        return ToolResult("ok", "", effect=RememberEffect(self.text))


class RecallArguments(ToolArguments):
    """What `recall` is asked for."""

    query: Annotated[str, Field(max_length=1_000, description="Words to look for; left empty, the newest.")] = ""

    async def call(self, settings: Settings) -> ToolResult:
        return ToolResult("ok", "", effect=RecallEffect(self.query))


class ForgetArguments(ToolArguments):
    """What `forget` is asked for."""

    id: Annotated[str, Field(min_length=1, max_length=64, description="The memory's id (mry_…), as recall shows it.")]

    async def call(self, settings: Settings) -> ToolResult:
        return ToolResult("ok", "", effect=ForgetEffect(self.id))


REMEMBER = BuiltInTool(
    OfferedTool(
        "remember",
        "Keep something for later runs. Those that fit a task are shown at its start.",
        schema_of(RememberArguments),
        idempotent=True,
    ),
    RememberArguments,
)
RECALL = BuiltInTool(
    OfferedTool(
        "recall",
        "Look up what was remembered, by its words.",
        schema_of(RecallArguments),
        idempotent=True,
        acts=False,
    ),
    RecallArguments,
)
FORGET = BuiltInTool(
    OfferedTool("forget", "Drop one thing that was remembered.", schema_of(ForgetArguments), idempotent=True),
    ForgetArguments,
)
