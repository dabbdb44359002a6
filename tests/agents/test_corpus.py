"""Answers as the world gives them, each a file in tests/corpus/answers, read through the real client libraries.

A newly seen shape is a new file: `status`, `headers` and `body` (or `text`) of the response, and what it must come to:
`text`, `calls` and tokens of an answer, or the `code` of a failure with some of its `words`, the `wait`, and the tokens
that were paid for all the same. `tools` are those that the model is offered.
"""

import json
from typing import Any

import pytest

from heartbeat.agents.client import ProviderClients
from heartbeat.agents.completion import Completion, CompletionRequest
from heartbeat.agents.failures import ModelFailure
from heartbeat.agents.tools.definitions import OfferedTool
from tests.support.providers import CORPUS, MODELS, OF_LIBRARIES
from tests.support.raw_provider import RawProvider
from tests.support.rows import every_row

FILES = sorted(CORPUS.rglob("*.json"))


@pytest.mark.parametrize("dialect", sorted({path.parent.name for path in FILES}))
async def test_an_answer_comes_to_what_it_means(dialect: str, provider: RawProvider, clients: ProviderClients) -> None:
    with every_row() as row:
        for path in FILES:
            if path.parent.name == dialect:
                with row(path.stem):
                    await comes_to_what_it_means(dialect, json.loads(path.read_text()), provider, clients)


async def comes_to_what_it_means(
    dialect: str, shape: dict[str, Any], provider: RawProvider, clients: ProviderClients
) -> None:
    before = provider.requests
    provider.respond(shape.get("status", 200), shape.get("headers", {}), shape.get("text", shape.get("body")))
    tools = [OfferedTool(name, "Look.", {"type": "object", "properties": {}}) for name in shape.get("tools", ())]
    request = CompletionRequest(MODELS[dialect], "Be brief.", "Look at the queue.", 500, tools=tools)
    expected = shape["expect"]
    try:
        completion = await clients.complete(request)
    except ModelFailure as failure:
        check_failure(expected, failure)
    else:
        check_completion(expected, completion)
    assert provider.requests == before + 1


def check_completion(expected: dict[str, Any], completion: Completion) -> None:
    assert completion.failure_code == expected.get("code")
    assert completion.input_tokens > 0
    if "code" in expected:
        assert expected.get("words", "") in (completion.failure or "")
        return
    assert completion.text == expected["text"]
    calls = [[call.tool, json.loads(call.arguments)] for call in completion.calls]
    assert calls == [[tool, json.loads(arguments)] for tool, arguments in expected.get("calls", [])]
    if not expected.get("by_length"):
        used = (completion.input_tokens, completion.output_tokens)
        assert used == (expected["input_tokens"], expected["output_tokens"])


def check_failure(expected: dict[str, Any], failure: ModelFailure) -> None:
    assert failure.code == expected.get("code"), failure.message
    assert expected.get("words", "") in failure.message
    assert failure.retry_after == (pytest.approx(expected["wait"]) if "wait" in expected else None)
    used = failure.usage and (failure.usage.input_tokens, failure.usage.output_tokens)
    if expected.get("by_length"):
        assert used is not None
        assert min(used) > 0
    else:
        assert used == ((expected["input_tokens"], expected["output_tokens"]) if "input_tokens" in expected else None)
    assert [words for words in OF_LIBRARIES if words in failure.message] == []


NOT_THIS_ONE = {
    "error": {
        "message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
        "param": "max_tokens",
        "code": "unsupported_parameter",
    }
}


async def test_a_parameter_that_a_model_refuses_is_left_out_from_then_on(
    provider: RawProvider, clients: ProviderClients
) -> None:
    good = json.loads((CORPUS / "openai" / "plain.json").read_text())["body"]
    provider.respond_as(lambda body: (400, {}, NOT_THIS_ONE) if "max_tokens" in body else (200, {}, good))
    before = provider.requests
    request = CompletionRequest("openai:o9", "", "Look at the queue.", 500)
    assert [(await clients.complete(request)).text, (await clients.complete(request)).text] == ["ok", "ok"]
    sent = provider.bodies[before:]
    assert [("max_tokens" in body, "max_completion_tokens" in body) for body in sent] == [
        (True, False),
        (False, True),
        (False, True),
    ]


async def test_a_refusal_that_names_no_parameter_is_not_tried_again(
    provider: RawProvider, clients: ProviderClients
) -> None:
    before = provider.requests
    provider.respond(400, {}, {"error": {"message": "The image is not supported."}})
    with pytest.raises(ModelFailure) as refused:
        await clients.complete(CompletionRequest("openai:m", "", "Look at the queue.", 500))
    assert (refused.value.code, provider.requests) == ("request_rejected", before + 1)
