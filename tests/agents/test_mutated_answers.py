"""Good answers, mutated: each comes to an answer or to a failure with a stable code, and what was used is known."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heartbeat.agents.bodies import anthropic, google, openai
from heartbeat.agents.client import ProviderClients
from heartbeat.agents.completion import Completion, CompletionRequest
from heartbeat.agents.failures import ModelFailure
from tests.support.providers import CORPUS, MODELS, OF_LIBRARIES, settings_for
from tests.support.raw_provider import RawProvider

GOOD = ["openai/plain", "openai/tool-calls-null", "anthropic/plain", "anthropic/call", "google/plain", "google/call"]
CODES = {
    *("bad_answer", "empty_answer", "cut_off", "model_refused", "malformed_tool_call", "request_rejected"),
    *("rate_limited", "quota_exhausted", "overloaded", "unavailable", "provider_error", "key_rejected"),
    *("unknown_model", "too_long", "timeout", "unreachable"),
}
USAGE = {"openai": openai.usage, "anthropic": anthropic.usage, "google": google.usage}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from(["<think>", "</think>", "<tool_call>", "{}", "null", "\x00", "\ud800", "length", "error"]),
    st.just([]),
    st.just({}),
    st.just([None, 1, "a", {}]),
    st.just({"error": {"message": "no", "code": 429}}),
)
Path = tuple[str | int, ...]


def paths(value: Any, path: Path = ()) -> list[Path]:
    """Every place in a JSON value, but the value itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in items for place in ((*path, key), *paths(inner, (*path, key)))]


def changed(body: Any, path: Path, change: Callable[[Any, str | int], None]) -> Any:
    """The body with one place changed."""
    copy = deepcopy(body)
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    change(holder, path[-1])
    return copy


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, str]:
    """A dialect, and the text of a good answer of it that was changed in up to three places, or cut short."""
    name = draw(st.sampled_from(GOOD))
    body = json.loads((CORPUS / f"{name}.json").read_text())["body"]
    for _ in range(draw(st.integers(1, 3))):
        places = paths(body)
        if not places:
            break
        path = draw(st.sampled_from(places))
        if draw(st.booleans()):
            body = changed(body, path, lambda holder, key: holder.pop(key))
        else:
            odd = draw(ODD)
            body = changed(body, path, lambda holder, key, odd=odd: holder.__setitem__(key, odd))
    text = json.dumps(body)
    return name.split("/")[0], text[: draw(st.integers(0, len(text)))] if draw(st.integers(0, 9)) == 0 else text


def test_no_answer_is_beyond_the_stable_codes() -> None:
    with RawProvider() as provider, asyncio.Runner() as runner:
        clients = ProviderClients(settings_for(provider))

        @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
        @given(mutation=mutations())
        def check(mutation: tuple[str, str]) -> None:
            dialect, text = mutation
            provider.respond(200, {}, text)
            request = CompletionRequest(MODELS[dialect], "Be brief.", "Look.", 500)
            result = runner.run(completed(clients, request))
            if isinstance(result, ModelFailure):
                check_failure(result, dialect, text)
            else:
                check_completion(result)

        check()
        runner.run(clients.close())


async def completed(clients: ProviderClients, request: CompletionRequest) -> Completion | ModelFailure:
    try:
        return await clients.complete(request)
    except ModelFailure as failure:
        return failure


def check_failure(failure: ModelFailure, dialect: str, text: str) -> None:
    assert failure.code in CODES
    assert [words for words in OF_LIBRARIES if words in failure.message] == []
    # Usage is never lost.
    with suppress(ValueError):
        body = json.loads(text)
        used = USAGE[dialect](body) if isinstance(body, dict) else None
        assert used is None or failure.usage == used


def check_completion(completion: Completion) -> None:
    assert completion.failure_code is None or completion.failure_code in CODES
    assert completion.input_tokens + completion.output_tokens > 0
    assert completion.calls or completion.text or completion.failure_code
    json.loads(completion.messages)
