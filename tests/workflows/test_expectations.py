"""Runs of which something is expected, on a real Temporal: told before, reminded once, held to it at the end."""

from typing import Any

import pytest

from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.acting import change, transcript
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, Reply, asks, says
from tests.support.world import World

REPORT = {"outcome": "ok", "summary": "Two tickets looked at."}
REMINDED = "This run does not count as done yet. It ended without a report."

ENDS: dict[str, tuple[list[Reply], tuple[Any, ...], int]] = {
    "a report at once": ([asks(("report", REPORT)), says("Done.")], ("success", None, "Done.", True), 2),
    "a report when it is asked for": (
        [says("Two are urgent."), asks(("report", REPORT)), says("")],
        ("success", None, "Two are urgent.", True),
        3,
    ),
    "none at all": (
        [says("Two are urgent.")],
        ("error", "unverified", "Two are urgent.", False),
        2,
    ),
}


@ON_SQLITE
@pytest.mark.parametrize(("replies", "ending", "requests"), ENDS.values(), ids=ENDS)
async def test_a_run_without_its_report_is_asked_for_it_once(
    working: World, model: ModelServer, replies: list[Reply], ending: tuple[Any, ...], requests: int
) -> None:
    await change(working, Heartbeat, expect={"report": "required"})
    model.script(*replies)
    log = await working.run_once()
    assert (log.status, log.error_code, log.response, log.expect_met) == ending
    assert len(model.requests) == requests
    assert "You called report." in model.requests[0]["messages"][-1]["content"]
    steps = await transcript(working, log)
    told = [step.reminder for step in steps if step.reminder]
    last = model.requests[-1]["messages"]
    assert [message["content"] for message in last if (message["content"] or "").startswith(REMINDED)] == told
    assert len(told) == (0 if requests == 2 and log.expect_met else 1)


async def test_an_answer_of_another_kind_is_asked_for_again(working: World, model: ModelServer) -> None:
    schema = {"type": "object", "required": ["open"]}
    await change(working, Heartbeat, expect={"answer": {"json_schema": schema}}, chat_mode="ask")
    model.script(says("Three are open."), says('```json\n{"open": 3}\n```'))
    log = await working.run_once()
    assert (log.status, log.response, log.expect_met) == ("success", '{"open": 3}', True)
    assert [message["role"] for message in model.requests[1]["messages"][-2:]] == ["assistant", "user"]
