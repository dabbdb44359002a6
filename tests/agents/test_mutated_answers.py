"""Good answers, mutated: each comes to an answer or to a failure with a stable code, and what was used is known."""

import asyncio
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heartbeat.agents.client import ProviderClients
from heartbeat.agents.completion import Completion, CompletionRequest
from heartbeat.agents.failures import ModelFailure
from tests.support.mutations import CODES, GOOD, Answer, answers
from tests.support.providers import MODELS, OF_LIBRARIES, settings_for
from tests.support.raw_provider import RawProvider


def test_no_answer_is_beyond_the_stable_codes() -> None:
    with RawProvider() as provider, asyncio.Runner() as runner:
        clients = ProviderClients(settings_for(provider))

        @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
        @given(answer=st.sampled_from([*GOOD]).flatmap(answers))
        def check(answer: Answer) -> None:
            provider.respond(200, {}, answer.text)
            request = CompletionRequest(MODELS[answer.dialect], "Be brief.", "Look.", 500)
            result = runner.run(completed(clients, request))
            if isinstance(result, ModelFailure):
                check_failure(result, answer)
            else:
                check_completion(result)

        check()
        runner.run(clients.close())


async def completed(clients: ProviderClients, request: CompletionRequest) -> Completion | ModelFailure:
    try:
        return await clients.complete(request)
    except ModelFailure as failure:
        return failure


def check_failure(failure: ModelFailure, answer: Answer) -> None:
    assert failure.code in CODES
    assert [words for words in OF_LIBRARIES if words in failure.message] == []
    # Usage is never lost.
    assert answer.usage is None or failure.usage == answer.usage


def check_completion(completion: Completion) -> None:
    assert completion.failure_code is None or completion.failure_code in CODES
    assert completion.input_tokens + completion.output_tokens > 0
    assert completion.calls or completion.text or completion.failure_code
    json.loads(completion.messages)
