"""What every built-in tool is: how a model is offered it, and what a call of it does."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from heartbeat.agents.tools.definitions import OfferedTool, ToolResult
from heartbeat.settings import Settings


class ToolArguments(BaseModel):
    """The arguments of one tool as a model writes them; the docstring and the fields' descriptions are shown to it."""

    async def call(self, settings: Settings) -> ToolResult:
        """Make the call."""
        raise NotImplementedError


@dataclass(frozen=True)
class BuiltInTool:
    """A tool and the class that its arguments are read with."""

    definition: OfferedTool
    arguments: type[ToolArguments]


def schema_of(arguments: type[ToolArguments]) -> dict[str, Any]:
    """Return the arguments' JSON Schema in one piece: not every provider follows references."""
    schema = arguments.model_json_schema()
    definitions = schema.pop("$defs", {})
    for field in schema["properties"].values():
        if "items" in field:
            field["items"] = definitions[field["items"]["$ref"].removeprefix("#/$defs/")]
    return schema
