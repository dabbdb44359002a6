"""One call on its way to a server."""

from dataclasses import dataclass
from typing import Any

from mcp.shared.dispatcher import ProgressFnT

from heartbeat.agents.tools.definitions import Answers, OfferedTool


@dataclass(frozen=True)
class ServerCall:
    """A tool and its arguments. `key` is the same for a repetition of this call; `answers` are for what is asked."""

    tool: OfferedTool
    arguments: dict[str, Any]
    key: str
    on_progress: ProgressFnT
    answers: Answers
