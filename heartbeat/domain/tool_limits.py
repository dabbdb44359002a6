"""How many tools a model may be offered. Pure."""

# OpenAI and Google refuse a request with more, and so do most that speak OpenAI's dialect. Anthropic names no limit.
MAX_TOOLS = 128
UNLIMITED = ("anthropic:",)


def max_tools(model: str) -> int | None:
    """The most tools that a request to `model` (`provider:name`) may offer; `None` if its provider takes any number."""
    return None if model.startswith(UNLIMITED) else MAX_TOOLS
