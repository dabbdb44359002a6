"""How many tools a model may be offered, and how long and how much a call of one may take. Pure."""

from collections.abc import Iterable

# OpenAI and Google refuse a request with more, and so do most that speak OpenAI's dialect. Anthropic names no limit.
MAX_TOOLS = 128
UNLIMITED = ("anthropic:",)

# What may be set of a server: how long one of its calls may take, and how much of an answer the model reads.
MAX_TIMEOUT_SECONDS = 600
# The longest call of a server that goes on saying how far it has come.
LONGEST_CALL_SECONDS = 3_600
MIN_RESULT_BYTES, MAX_RESULT_BYTES = 1_024, 1_000_000


def max_tools(model: str) -> int | None:
    """The most tools that a request to `model` (`provider:name`) may offer; `None` if its provider takes any number."""
    return None if model.startswith(UNLIMITED) else MAX_TOOLS


def most_tools(models: Iterable[str]) -> int | None:
    """The most tools that any of these models may be offered; `None` for any number."""
    return None if any(max_tools(model) is None for model in models) else MAX_TOOLS
