"""No input makes a 500: every call, with whatever a client could put into it."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from temporalio.client import Client

from api.main import create_app
from api.schemas.fields import OfProject
from heartbeat.store.database.database import Database
from tests.support.api import Api, address, error_of, owner, settings_for
from tests.support.published_calls import CALLS
from tests.support.seeds import YEARLY


def models(model: type[OfProject]) -> Iterator[type[OfProject]]:
    """A request's model and all that are made from it."""
    yield model
    for narrower in model.__subclasses__():
        yield from models(narrower)


# Every field of every request; the values are what somebody might think of.
FIELDS = sorted({field for model in models(OfProject) for field in model.model_fields} - {"project_id"})
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 500),
    st.sampled_from([2**31 - 1, 2**31, 2**63, -(2**63) - 1, 10**400]),
    st.floats(),
    st.text(st.characters(exclude_categories=()), max_size=20),
    st.sampled_from(
        ["", " ", "\x00", "\ud800", "1e400", "٣", "0x10", "1_000", "null", "NaN", "%s", "{}", "' OR 1=1 --"]
    ),
    st.sampled_from(
        [YEARLY, "@daily", "* * * * *", "0 0 L * *", "UTC", "Europe/Berlin", "09:00", "1,2", "https://x.test"]
    ),
    st.recursive(
        st.none() | st.text(max_size=3) | st.integers() | st.floats(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    ),
)
REQUESTS = st.tuples(st.sampled_from(CALLS), st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=6), st.data())
MAY_BE = {200, 202, 400, 401, 403, 404, 409, 413, 415, 503}


@pytest.fixture
async def fuzzed(shared_database: Database, temporal: Client) -> AsyncIterator[tuple[Api, dict[str, Any]]]:
    """An application of its own, which waits for no run, and things that are there."""
    settings = settings_for(shared_database.url, temporal)
    settings.trigger_wait = 0
    async with owner(create_app(settings, shared_database, temporal)) as api:
        bot = await api.bot()
        member = await api.member(bot)
        heartbeat = await api.heartbeat(bot, member_id=member["id"])
        server = {"server_label": "T", "server_url": "https://t.test", "transport": "http"}
        tool = (await api.post("/tool", bot_id=bot["id"], **server)).json()["tool"]
        values = {"bot_id": bot["id"], "member_id": member["id"], "heartbeat_id": heartbeat["uuid"], "prompt": "Check"}
        yield (
            api,
            {**values, **server, "tool_name": "x", "is_active": 1, "tools": [], "name": "Desk", "tool": tool["id"]},
        )


def in_query(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "replace").decode()


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(request=REQUESTS)
async def test_no_input_makes_a_500(fuzzed: tuple[Api, dict[str, Any]], request: Any) -> None:
    (method, path), odd, data = request
    api, values = fuzzed
    # Deletes are left to fail, so that what is there stays.
    harmless = (
        {} if method == "DELETE" else {name: values[name] for name in data.draw(st.sets(st.sampled_from([*values])))}
    )
    sent = {"project_id": api.project.uuid, **harmless, **odd}
    url = address(path.replace("tool_1", values["tool"] if method != "DELETE" else "tool_no"))
    headers = {"authorization": f"Bearer {api.key}", "content-type": "application/json"}
    if data.draw(st.booleans()):
        headers["idempotency-key"] = data.draw(st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=9))
    answer = await api.http.request(
        method,
        url,
        params={name: in_query(value) for name, value in sent.items()},
        content=None if method in ("GET", "DELETE") else json.dumps(sent),
        headers=headers,
    )
    assert answer.status_code in MAY_BE, (method, path, sent, answer.text)
    assert isinstance(answer.json(), dict)
    if answer.status_code >= 400:
        error_of(answer, answer.status_code)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    call=st.sampled_from(CALLS), body=st.binary(max_size=40), query=st.binary(max_size=9), value=st.binary(max_size=9)
)
async def test_no_bytes_make_a_500(shared_app: FastAPI, call: Any, body: bytes, query: bytes, value: bytes) -> None:
    """Straight into the application: a client library would refuse to send most of it."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": call[0],
        "path": address(call[1]),
        "raw_path": b"",
        "root_path": "",
        "scheme": "http",
        "query_string": query,
        "headers": [
            (name, value) for name in (b"authorization", b"idempotency-key", b"x-request-id", b"content-length")
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 1),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await shared_app(scope, receive, send)
    assert sent[0]["status"] in MAY_BE
    assert json.loads(sent[1]["body"])["error"]["status"] == sent[0]["status"]
