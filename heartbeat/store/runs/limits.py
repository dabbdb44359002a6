"""What the settings add to the rows when a run is opened or goes on: plans, models, rates, limits."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from heartbeat.domain import credits
from heartbeat.settings import Plan


@dataclass(frozen=True)
class RunLimits:
    """`model` says which model a bot means, `rate` its credits for each started 1,000 tokens.

    `cost_nano_usd` says what a request of a model costs the operator, by the tokens it reads and writes.

    `tool_text` is no fewer tokens than a model reads of each built-in tool, by name; `own_text` of the operator's own.
    """

    plan: Callable[[str], Plan]
    model: Callable[[str | None], str]
    max_reply_tokens: int
    rate: Callable[[str], int] = lambda _: 1
    cost_nano_usd: Callable[[str, int, int], int] = lambda *_: 0
    tool_text: Mapping[str, int] = field(default_factory=dict)
    own_text: int = 0

    def told(self, tools: Iterable[str]) -> int:
        """No fewer tokens than a model reads of these built-in tools and the operator's."""
        return self.own_text + sum(self.tool_text.get(name, 0) for name in tools)

    def worst(self, model: str, read: int, reply: int) -> int:
        """The most credits of a request that reads and writes no more than these tokens."""
        return credits.cost(read + reply, self.rate(model))
