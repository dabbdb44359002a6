"""MCP servers that workers start themselves."""

from typing import Literal

from pydantic import BaseModel, Field, SecretStr

from heartbeat.domain.tool_risks import Risk


class StdioTool(BaseModel):
    """An MCP server that workers start as a command, which is why only the operator can name one.

    `bots` are the public ids of the bots that may use it; none means every bot. `risks` are those of its tools, and
    `elicitation` what becomes of what it asks in the middle of a call.
    """

    command: str
    args: list[str] = Field(default_factory=list)
    env: dict[str, SecretStr] = Field(default_factory=dict)
    bots: list[str] = Field(default_factory=list)
    risks: list[Risk] = Field(default_factory=list)
    elicitation: Literal["decline", "approval"] = "decline"
