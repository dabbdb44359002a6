"""What an agent is told of what is expected of its run: before it begins, and when it would end without it. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

NOT_DONE = (
    "This run does not count as done yet. {missing} What you said is kept. Do now what is missing; if that cannot be "
    "done, say why."
)
# What is told of an answer that is none, by its code.
NO_ANSWER = {
    "empty_answer": "Your last answer was empty. If there is more to do, do it now; if you are done, say in words what "
    "came of it.",
    "only_announced": "You said what you would do next, but nothing was done: a run ends with an answer that calls no "
    "tool. Do it now by calling the tools; if you are done, say in words what came of it.",
}


def instructions(expect: Mapping[str, Any] | None) -> str:
    """What the agent is told beforehand of what is expected; empty if nothing is."""
    wanted = [f"- {line}" for line in _wanted(expect or {})]
    return "This run counts as done only if all of this holds at its end:\n" + "\n".join(wanted) if wanted else ""


def _wanted(expect: Mapping[str, Any]) -> Iterator[str]:
    for tool in expect.get("called") or ():
        yield f"You called {tool}, and it succeeded."
    if expect.get("report"):
        yield "You called report. If the task cannot be done, report that it failed."
    answer = expect.get("answer") or {}
    if pattern := answer.get("matches"):
        yield f"Your last answer matches the regular expression {pattern}"
    if (schema := answer.get("json_schema")) is not None:
        yield f"Your last answer is JSON, and nothing beside it, that fits this JSON Schema: {json.dumps(schema)}"
