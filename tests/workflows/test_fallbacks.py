"""A provider that dies between two steps of a run: another one, of another protocol, goes on with it."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from heartbeat.store.credits.audit import audit
from heartbeat.store.database.rows import columns
from heartbeat.store.runs.steps import steps
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.model_server import ModelServer, Reply, asks
from tests.support.providers import corpus_response
from tests.support.raw_provider import RawProvider
from tests.support.world import World

OWN, OTHER = "openai:m", "anthropic:claude-x"
REPORT = ("report", {"outcome": "ok", "summary": "Two tickets."})


@pytest.fixture
def other() -> Iterator[RawProvider]:
    with RawProvider() as provider:
        yield provider


async def test_another_provider_goes_on_where_the_first_one_died(
    working: World, model: ModelServer, other: RawProvider
) -> None:
    working.settings.step_attempts = 2
    working.settings.anthropic_base_url, working.settings.anthropic_api_key = other.url, SecretStr("k-test")
    answers = [corpus_response("anthropic/call"), corpus_response("anthropic/plain")]
    other.respond_as(lambda request: answers.pop(0))
    fields = {"model": OWN, "fallback_models": [OTHER]}
    await working.database.write(lambda c: c.execute(update(columns(Heartbeat)).values(fields)))

    def last_words(request: dict[str, Any]) -> Reply:
        model.die()
        reply = asks(REPORT)
        return Reply(body=reply.body, headers={"connection": "close"})

    model.reply = last_words
    run = await working.run_once()
    made = await working.database.read(steps, run.id)
    thought = [step for step in made if step.kind == "model"]
    assert (run.status, run.response, run.report["summary"]) == ("success", "ok", "s")
    assert [(step.model, step.fell_back_from, step.fallback_reason) for step in thought] == [
        (OWN, None, None),
        *[(OTHER, OWN, "unreachable")] * 2,
    ]
    # What was called before is read by the other one, and called by nobody again.
    blocks = [block for message in other.bodies[0]["messages"] for block in message["content"]]
    assert [block["name"] for block in blocks if block["type"] == "tool_use"] == ["report"]
    assert (len(model.requests), len(other.bodies)) == (1, 2)
    assert await working.database.read(audit) == []
