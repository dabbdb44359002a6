"""What the settings add to the rows when a run is opened or goes on: plans, models, rates, limits."""

from collections.abc import Callable
from dataclasses import dataclass

from heartbeat import credits
from heartbeat.settings import Plan


@dataclass(frozen=True)
class House:
    """`model` says which model a bot means, `rate` its credits for each started 1,000 tokens.

    `tool_text` is as long as what a model is told of the tools that every bot has.
    """

    plan: Callable[[str], Plan]
    model: Callable[[str | None], str]
    max_reply_tokens: int
    rate: Callable[[str], int] = lambda _: 1
    tool_text: int = 0

    def worst(self, model: str, read: int, reply: int) -> int:
        """The most credits of a request that reads and writes no more than these tokens."""
        return credits.cost(read + reply, self.rate(model))
