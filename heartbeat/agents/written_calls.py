"""Tool calls that stand in a model's words, because its server did not make calls of them.

Each family of models has its own way of writing one. An answer that holds one is no answer: nothing was called.
"""

import json
import re
from collections.abc import Collection
from typing import Any

# A name of a tool follows each of these, sooner or later.
MARKS = re.compile(
    r"<tool_call>|<tool_use>|<function_calls?>|<function[= ]|<invoke[ =]|<｜DSML｜"  # Hermes, Qwen, Claude, DeepSeek
    r"|\[TOOL_CALLS?\]|<\|tool_calls?\|>|<\|tool_calls?(?:_section)?_begin\|>"  # Mistral, Phi and Granite, Kimi
    r"|<｜tool▁calls?▁begin｜>|<\|python_tag\|>"  # DeepSeek, Llama
    r"|<\|channel\|>commentary\s+to=|\bto=functions\."  # gpt-oss
    r"|<\|tool▁call▁begin\|>|```tool_(?:call|code)|<start_function_call>"  # GLM, Gemma
)
# Words about such calls are no calls.
QUOTED = re.compile(r"```(?!tool_).*?```|(?<!`)`[^`\n]+`(?!`)", re.S)
FENCED = re.compile(r"\A```(?:json)?\s*\n(.*?)\n?```\Z", re.S)
ARGUMENTS = ("arguments", "parameters", "input", "args")


def written_call(text: str, tools: Collection[str]) -> bool:
    """Whether `text` is, or ends in, a call of one of these `tools` in any of the usual dialects."""
    words = QUOTED.sub("", text).strip()
    mark = MARKS.search(words)
    if mark is not None and (mark.start() == 0 or any(name in words[mark.start() :] for name in tools)):
        return True
    return _is_call(_parsed(text), tools)


def _parsed(text: str) -> Any:
    fenced = FENCED.match(text.strip())
    try:
        return json.loads(fenced.group(1) if fenced else text)
    except (ValueError, RecursionError):
        return None


def _is_call(value: Any, tools: Collection[str]) -> bool:
    """Whether a JSON value, which is the whole answer, is a call or a list of them."""
    if isinstance(value, list):
        return bool(value) and all(_is_call(entry, tools) for entry in value)
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("function"), dict):
        return _is_call(value["function"], tools)
    name = value.get("name", value.get("tool", value.get("function")))
    return isinstance(name, str) and name in tools and any(key in value for key in ARGUMENTS)
