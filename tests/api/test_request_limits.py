"""What stands before the application, called as a server calls it."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from api.errors import error_response
from api.middleware.metrics import Metrics
from api.middleware.request_limits import RequestLimits
from heartbeat.store.database.database import Database
from tests.support.databases import ON_SQLITE

pytestmark = ON_SQLITE

Call = Callable[..., Awaitable[list[Message]]]
POST = {"type": "http", "method": "POST", "path": "/v1/bot/create", "headers": []}


@pytest.fixture
def called(database: Database) -> Call:
    """What an application sends to a client from whom these messages come."""

    async def call(app: Any, scope: Scope, *messages: Message) -> list[Message]:
        coming, sent = list(messages), []

        async def receive() -> Message:
            return coming.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        limits = RequestLimits(app, Metrics(database), 100, 1.0, lambda _, problem: error_response(problem))
        await limits(scope, receive, send)
        return sent

    return call


async def answers(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ZeroDivisionError("in the middle of an answer")


async def test_who_leaves_before_the_body_has_come_is_answered_by_nobody(called: Call) -> None:
    part = {"type": "http.request", "body": b"{", "more_body": True}
    assert await called(answers, dict(POST), part, {"type": "http.disconnect"}) == []


async def test_what_fails_within_an_answer_is_left_to_the_server(
    called: Call, caplog: pytest.LogCaptureFixture
) -> None:
    whole = {"type": "http.request", "body": b"{}", "more_body": False}
    with caplog.at_level(logging.ERROR), pytest.raises(ZeroDivisionError):
        await called(answers, dict(POST), whole)
    assert "POST /v1/bot/create failed" in caplog.text


async def test_what_is_no_request_is_handed_on_as_it_is(called: Call) -> None:
    seen: list[Scope] = []

    async def starts(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    assert await called(starts, {"type": "lifespan"}) == []
    assert seen == [{"type": "lifespan"}]
