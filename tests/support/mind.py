"""What the scripted model does in each run of the week: its errands, then a report of what it finds."""

from dataclasses import dataclass, field
from typing import Any

from tests.support.model_server import Reply, asks, fails, says

QUIET = {"outcome": "nothing_to_report", "summary": "All quiet."}


@dataclass
class Mind:
    """`errands` are the calls that the heartbeat's next run makes, `chores` those of a task, by its prompt."""

    findings: list[dict[str, Any]] = field(default_factory=list)
    errands: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    chores: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)
    provider_is_down: bool = False

    def reply(self, request: dict[str, Any]) -> Reply:
        """The next call of the run that asks, or its end."""
        if self.provider_is_down:
            return fails(503, message="The engine is overloaded.")
        count = sum(len(message.get("tool_calls") or ()) for message in request["messages"])
        calls = self._calls(request["messages"][1]["content"])
        return asks(calls[count]) if count < len(calls) else says("That is all.")

    def _calls(self, first_message: str) -> list[tuple[str, dict[str, Any]]]:
        for prompt, chores in self.chores.items():
            if first_message.endswith(prompt):
                return chores
        report = {"outcome": "ok", "summary": "Looked at every host.", "findings": self.findings}
        return [*self.errands, ("report", report if self.findings else QUIET)]
