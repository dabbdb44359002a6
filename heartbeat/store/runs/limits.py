"""What the settings add to the rows when a run is opened or goes on: plans, models, rates, limits."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from heartbeat.domain import credits
from heartbeat.domain.bounds import Bounds
from heartbeat.domain.plans import Plan


@dataclass(frozen=True)
class RunLimits:
    """`model` says which model a bot means, `rate` its credits for each started 1,000 tokens.

    `fallbacks` says which models stand in for one, by the names that a heartbeat has for them and its chat mode.

    `cost_nano_usd` says what a request of a model costs the operator, by the tokens it reads and writes.

    `built_in_tokens` is no fewer tokens than a model reads of each built-in tool, by name; `own_tokens` of the
    operator's own. `bounds` are those of what may be under way at once.
    """

    plan: Callable[[str], Plan]
    model: Callable[[str | None], str]
    max_reply_tokens: int
    rate: Callable[[str], int] = lambda _: 1
    cost_nano_usd: Callable[[str, int, int], int] = lambda *_: 0
    built_in_tokens: Mapping[str, int] = field(default_factory=dict)
    own_tokens: int = 0
    bounds: Bounds = field(default_factory=Bounds)
    fallbacks: Callable[[str, Sequence[str], str], list[str]] = lambda model, names, chat_mode: list(names)

    def tool_tokens(self, tools: Iterable[str]) -> int:
        """No fewer tokens than a model reads of these built-in tools and the operator's."""
        return self.own_tokens + sum(self.built_in_tokens.get(name, 0) for name in tools)

    def max_credits(self, models: Iterable[str], input_tokens: int, output_tokens: int) -> int:
        """The most credits of a request that reads and writes no more than these tokens, whichever model answers it."""
        return credits.cost(input_tokens + output_tokens, max(map(self.rate, models)))
