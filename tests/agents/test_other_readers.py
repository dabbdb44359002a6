"""What one provider's model said and called, read by another's: without its thoughts, and with ids of one form."""

import json
from itertools import permutations
from typing import Any

import pytest

from heartbeat.agents.client import ProviderClients
from heartbeat.agents.completion import CompletionRequest
from heartbeat.agents.prompt import ModelTurn, ToolTurn
from tests.support.providers import MODELS, corpus_response
from tests.support.raw_provider import RawProvider

# Real shapes: each with a thought that is signed, or stands in a field of its own.
WITH_THOUGHTS = {
    "openai": "openai/thought-and-call",
    "anthropic": "anthropic/thinking-and-call",
    "google": "google/thought-and-signed-call",
}
RESULT = "It was reported."


def called(dialect: str, body: dict[str, Any]) -> tuple[str, Any, str, str]:
    """The one call in a request with its arguments, and the ids that it and its result have."""
    if dialect == "openai":
        [call] = [call for message in body["messages"] for call in message.get("tool_calls") or ()]
        [result] = [message for message in body["messages"] if message["role"] == "tool"]
        function = call["function"]
        return function["name"], json.loads(function["arguments"]), call["id"], result["tool_call_id"]
    if dialect == "anthropic":
        blocks = [b for message in body["messages"] if isinstance(message["content"], list) for b in message["content"]]
        [call] = [block for block in blocks if block["type"] == "tool_use"]
        [result] = [block for block in blocks if block["type"] == "tool_result"]
        return call["name"], call["input"], call["id"], result["tool_use_id"]
    parts = [part for content in body["contents"] for part in content["parts"]]
    [call] = [part["functionCall"] for part in parts if "functionCall" in part]
    [result] = [part["functionResponse"] for part in parts if "functionResponse" in part]
    return call["name"], call["args"], call.get("id", ""), result.get("id", "")


@pytest.mark.parametrize(("writer", "reader"), [*permutations(MODELS, 2)])
async def test_another_providers_model_reads_what_was_said_and_not_what_was_thought(
    provider: RawProvider, clients: ProviderClients, writer: str, reader: str
) -> None:
    provider.respond(*corpus_response(WITH_THOUGHTS[writer]))
    first = await clients.complete(CompletionRequest(MODELS[writer], "Be brief.", "Look.", 500))
    [call] = first.calls
    turns = [ModelTurn(first.messages, by_another=True), ToolTurn(call.tool, call.call_id, RESULT)]
    provider.respond(*corpus_response(f"{reader}/plain"))
    answer = await clients.complete(CompletionRequest(MODELS[reader], "Be brief.", "Look.", 500, turns))
    assert answer.text == "ok"
    sent = provider.bodies[-1]
    text = json.dumps(sent)
    assert not [word for word in ("Let me think", "EqQBCkYIAR", "Q2lRQg") if word in text]
    name, arguments, call_id, result_id = called(reader, sent)
    assert (name, arguments) == ("report", {"outcome": "ok", "summary": "s"})
    assert call_id == result_id
    assert RESULT in text


@pytest.mark.parametrize("dialect", ["anthropic", "google"])
async def test_its_own_thoughts_go_back_to_a_model(
    provider: RawProvider, clients: ProviderClients, dialect: str
) -> None:
    provider.respond(*corpus_response(WITH_THOUGHTS[dialect]))
    first = await clients.complete(CompletionRequest(MODELS[dialect], "Be brief.", "Look.", 500))
    [call] = first.calls
    turns = [ModelTurn(first.messages), ToolTurn(call.tool, call.call_id, RESULT)]
    provider.respond(*corpus_response(f"{dialect}/plain"))
    await clients.complete(CompletionRequest(MODELS[dialect], "Be brief.", "Look.", 500, turns))
    assert [word for word in ("EqQBCkYIAR", "Q2lRQg") if word in json.dumps(provider.bodies[-1])]
