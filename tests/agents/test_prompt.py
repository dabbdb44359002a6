"""What goes back to a provider: names and ids that a strict one takes, and each result beside its call."""

import re

from pydantic_ai.messages import (
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)

from heartbeat.agents.prompt import ModelTurn, ToolTurn, messages_of

STRICT = re.compile(r"[A-Za-z0-9_-]{1,64}")


def answer(*calls: tuple[str, str]) -> ModelTurn:
    parts = [TextPart("Looking."), *(ToolCallPart(name, "{}", call_id) for name, call_id in calls)]
    return ModelTurn(ModelMessagesTypeAdapter.dump_json([ModelResponse(parts=parts)]).decode())


def calls_and_results(turns: list[ModelTurn | ToolTurn]) -> tuple[list[ToolCallPart], list[ToolReturnPart]]:
    parts = [part for message in messages_of("", "Look.", turns) for part in message.parts]
    calls = [part for part in parts if isinstance(part, ToolCallPart)]
    return calls, [part for part in parts if isinstance(part, ToolReturnPart)]


def test_good_names_and_ids_go_back_as_they_came() -> None:
    calls, results = calls_and_results([answer(("report", "call_abc-1")), ToolTurn("report", "call_abc-1", "ok")])
    assert [(call.tool_name, call.tool_call_id) for call in calls] == [("report", "call_abc-1")]
    assert [(result.tool_name, result.tool_call_id, result.content) for result in results] == [
        ("report", "call_abc-1", "ok")
    ]


def test_odd_names_and_ids_are_made_such_as_a_strict_server_takes() -> None:
    odd = [("srv.look up", "functions.look:0"), ("größer", ""), ("x" * 200, "i" * 200), ("", "call 1")]
    turns: list[ModelTurn | ToolTurn] = [answer(*odd), *(ToolTurn(name, call_id, name) for name, call_id in odd)]
    calls, results = calls_and_results(turns)
    assert all(STRICT.fullmatch(call.tool_name) and STRICT.fullmatch(call.tool_call_id) for call in calls)
    assert [result.content for result in results] == [name for name, _ in odd]


def test_an_id_that_was_used_before_gets_another_and_its_result_the_same() -> None:
    turns: list[ModelTurn | ToolTurn] = []
    for round_ in range(3):
        turns += [answer(("look", "call_0"), ("look", "call_0"))]
        turns += [ToolTurn("look", "call_0", f"{round_}a"), ToolTurn("look", "call_0", f"{round_}b")]
    calls, results = calls_and_results(turns)
    ids = [call.tool_call_id for call in calls]
    assert len(set(ids)) == len(ids) == 6
    assert [result.tool_call_id for result in results] == ids
    assert [result.content for result in results] == ["0a", "0b", "1a", "1b", "2a", "2b"]
    assert ids == [call.tool_call_id for call in calls_and_results(turns)[0]]


def test_results_of_one_answer_go_back_together() -> None:
    turns = [answer(("a", "1"), ("b", "2")), ToolTurn("a", "1", "x"), ToolTurn("b", "2", "y"), answer(), answer()]
    kinds = [type(message) for message in messages_of("", "Look.", turns)]
    assert kinds == [ModelRequest, ModelResponse, ModelRequest, ModelResponse, ModelResponse]
