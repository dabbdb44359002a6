"""One call on its way to a server."""

from dataclasses import dataclass
from typing import Any

from mcp.shared.dispatcher import ProgressFnT

from heartbeat.agents.tools.definitions import Answers, OfferedTool
from heartbeat.agents.tools.mcp.traffic import KEY, TRACEPARENT


@dataclass(frozen=True)
class ServerCall:
    """A tool and its arguments. `key` is the same for a repetition of this call; `answers` are for what is asked.

    `traceparent` is the context of its span, if its run is traced.
    """

    tool: OfferedTool
    arguments: dict[str, Any]
    key: str
    on_progress: ProgressFnT
    answers: Answers
    traceparent: str | None = None

    @property
    def meta(self) -> dict[str, Any]:
        """What goes along in the request's `_meta`."""
        return {KEY: self.key, **({TRACEPARENT: self.traceparent} if self.traceparent else {})}
