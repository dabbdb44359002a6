"""How runs end whose agents are done: with nothing, in the middle, or in a call that stands in their words."""

from typing import Any

import pytest

from heartbeat.store.runs.details import attempts
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, Reply, asks, fails, says
from tests.support.world import World

REPORT = {"outcome": "ok", "summary": "Two tickets looked at."}
WRITTEN = '<tool_call>\n{"name": "report", "arguments": {"outcome": "ok"}}\n</tool_call>'
MEMORY = {"text": "The printer is broken."}


def beside(words: str, reply: Reply) -> Reply:
    """The same answer, with words beside its calls."""
    assert isinstance(reply.body, dict)
    reply.body["choices"][0]["message"]["content"] = words
    return reply


EMPTY = says("")
ENDS: dict[str, tuple[list[Reply], tuple[Any, ...]]] = {
    "nothing after a report": (
        [asks(("report", REPORT)), EMPTY],
        ("success", None, "Two tickets looked at.", False),
    ),
    "nothing after words beside a report": (
        [beside("Two tickets, none urgent.", asks(("report", REPORT))), EMPTY],
        ("success", None, "Two tickets, none urgent.", False),
    ),
    "a word after words beside a report": (
        [beside("Two are urgent.", asks(("report", REPORT))), says("Done.")],
        ("success", None, "Two are urgent.\n\nDone.", False),
    ),
    "words beside another call are not the answer": (
        [beside("Looking.", asks(("remember", MEMORY))), says("All quiet.")],
        ("success", None, "All quiet.", False),
    ),
    "nothing, and words when it was told so": (
        [asks(("no_such_tool", {})), EMPTY, says("Nothing found.")],
        ("success", None, "Nothing found.", False),
    ),
    "an announcement, and another one": (
        [says("I'll check it now."), says("I will check the queue."), asks(("report", REPORT)), says("Done.")],
        ("error", "only_announced", "I will check the queue.", False),
    ),
    "an announcement, and then the work": (
        [says("Let me check the queue."), asks(("report", REPORT)), says("I'll check the next one now.")],
        ("success", None, "I'll check the next one now.", False),
    ),
    "declined": (
        [says("I'm sorry, but I can't assist with that.")],
        ("error", "model_refused", "I'm sorry, but I can't assist with that.", False),
    ),
    "cut off after a call, without a report": (
        [asks(("remember", MEMORY)), says("I have rem", finish="length")],
        ("error", "cut_off", "I have rem", True),
    ),
    "nothing after a call that failed": (
        [asks(("no_such_tool", {})), EMPTY],
        ("error", "empty_answer", None, False),
    ),
    "refused after words beside a call": (
        [beside("So far two.", asks(("remember", MEMORY))), fails(400, "invalid_request_error")],
        ("error", "request_rejected", "So far two.", False),
    ),
    "refused after a call without words": (
        [asks(("remember", MEMORY)), fails(400, "invalid_request_error")],
        ("error", "request_rejected", None, False),
    ),
    "cut off in its words": (
        [says("1. Disk full. 2. The", finish="length")],
        ("error", "cut_off", "1. Disk full. 2. The", True),
    ),
    "cut off after its work was done": (
        [asks(("report", REPORT)), says("I have rep", finish="length")],
        ("success", None, "I have rep", True),
    ),
    "cut off before any word": ([says("", finish="length")], ("error", "empty_answer", None, True)),
}


@ON_SQLITE
@pytest.mark.parametrize(("replies", "expected"), ENDS.values(), ids=ENDS)
async def test_a_run_ends_with_its_agents_words(
    working: World, model: ModelServer, replies: list[Reply], expected: tuple[Any, ...]
) -> None:
    model.script(*replies)
    log = await working.run_once()
    assert (log.status, log.error_code, log.response, log.cut) == expected
    assert ("max_reply_tokens" in (log.error_message or "")) == (log.status == "error" and log.cut)


async def test_the_limit_of_steps_leaves_the_last_words(working: World, model: ModelServer) -> None:
    await working.database.write(lambda c: c.exec_driver_sql("UPDATE heartbeat SET max_steps = 4"))
    model.reply = lambda _: beside(f"So far: {len(model.requests)} of 9.", asks(("remember", MEMORY)))
    log = await working.run_once()
    assert (log.error_code, log.response) == ("max_steps", "So far: 2 of 9.")


async def test_a_call_in_words_is_told_back_once_and_each_attempt_paid(working: World, model: ModelServer) -> None:
    model.script(says(WRITTEN, 900, 100), asks(("report", REPORT)), EMPTY)
    log = await working.run_once()
    assert (log.status, log.response, log.tokens_used) == ("success", "Two tickets looked at.", 1240)
    last = [request["messages"][-1]["content"] for request in model.requests]
    assert "nothing was called" in str(last[1])
    assert "nothing was called" not in str(model.requests[2]["messages"])
    shown = [(row.outcome, row.failure_code) for row in await working.database.read(attempts, log.id)]
    assert shown == [("failed", "malformed_tool_call"), ("answered", None), ("answered", None)]


async def test_a_call_in_words_twice_ends_the_run(working: World, model: ModelServer) -> None:
    model.script(says(WRITTEN, 900, 100))
    log = await working.run_once()
    assert (log.status, log.error_code, log.response) == ("error", "malformed_tool_call", None)
    assert (len(model.requests), log.tokens_used, log.credits_charged) == (2, 2000, 2)


async def test_an_answer_that_is_none_is_tried_twice_and_paid_as_it_says(working: World, model: ModelServer) -> None:
    broken = says("Hi.", 900, 100)
    assert isinstance(broken.body, dict)
    broken.body["choices"] = []
    model.script(broken)
    log = await working.run_once()
    assert (log.error_code, len(model.requests), log.tokens_used, log.credits_charged) == ("bad_answer", 2, 2000, 2)


async def test_a_call_that_cannot_be_made_is_told_back_once(working: World, model: ModelServer) -> None:
    model.script(asks(("report", {}), input_tokens=60_000))
    log = await working.run_once()
    assert (log.status, log.error_code, len(model.requests)) == ("error", "malformed_tool_call", 2)
    assert "cannot take" in (log.error_message or "")
    assert log.tokens_used == 120_040


async def test_a_call_that_was_put_right_is_made(working: World, model: ModelServer) -> None:
    model.script(asks(("report", {})), asks(("report", {"outcome": "ok"})), asks(("report", REPORT)), EMPTY)
    log = await working.run_once()
    assert (log.status, log.response) == ("success", "Two tickets looked at.")
