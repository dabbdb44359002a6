"""Quotas of requests: what answers say of them, read as HTTP's structured fields by a library of their author."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import http_sf
import httpx
import pytest
from temporalio.client import Client

from api.main import create_app
from heartbeat.store.database.database import Database
from tests.support.api import Api, error_of, owner, settings_for
from tests.support.statements import statements

NOON = datetime(2026, 11, 20, 12, 0, 20, tzinfo=UTC)


@pytest.fixture
async def api(shared_database: Database, temporal: Client) -> AsyncIterator[Api]:
    """An owner on an application whose clock stands still: requests are counted by the minute."""
    settings = settings_for(shared_database.url, temporal)
    async with owner(create_app(settings, shared_database, temporal, now=lambda: NOON)) as api:
        yield api


@pytest.fixture
async def starter(api: Api) -> AsyncIterator[Api]:
    async with owner(api.app, "starter") as starter:
        yield starter


def quotas(answer: httpx.Response) -> dict[str, dict[str, int]]:
    """What an answer says of each quota, by its name: `q` and `w` of its policy, `r` and `t` of what is left."""
    read = [http_sf.parse(answer.headers[name].encode(), tltype="list") for name in ("ratelimit-policy", "ratelimit")]
    policies, left = map(dict, read)
    assert list(policies) == list(left)
    return {name: {**policies[name], **left[name]} for name in policies}


async def test_an_answer_says_what_is_left_of_the_minute(starter: Api) -> None:
    answers = [await starter.get("/readall") for _ in range(3)]
    assert [quotas(answer) for answer in answers] == [
        {"project": {"q": 60, "w": 60, "r": left, "t": 40}} for left in (59, 58, 57)
    ]


async def test_so_does_one_that_fails(starter: Api) -> None:
    refused = [
        await starter.get("/heartbeat/logs", bot_id="bot_no"),
        await starter.get("/heartbeat/logs", bot_id="bot_no", page=0),
        await starter.post("/create", name="Desk", model=5),
        await starter.call("POST", "/create", {}, idempotency_key="one"),
    ]
    assert [answer.status_code for answer in refused] == [404, 400, 400, 400]
    assert [quotas(answer)["project"]["r"] for answer in refused] == [59, 58, 57, 56]


async def test_a_refusal_says_that_nothing_is_left_and_when_there_is_again(starter: Api) -> None:
    for _ in range(60):
        await starter.get("/readall")
    refused = await starter.get("/readall")
    assert error_of(refused, 429)["code"] == "rate_limited"
    assert quotas(refused) == {"project": {"q": 60, "w": 60, "r": 0, "t": 40}}
    assert refused.headers["retry-after"] == "40"


async def test_a_stranger_is_told_nothing(starter: Api) -> None:
    answer = await starter.as_caller("wrong").get("/readall")
    assert answer.status_code == 401
    assert not [name for name in answer.headers if name.startswith("ratelimit")]


async def test_a_project_without_limits_pays_nothing(api: Api, starter: Api) -> None:
    bot = await api.bot()
    with statements() as sent:
        answer = await api.get("/read", bot_id=bot["id"])
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("ratelimit")]
    assert len([one for one in sent if not one.startswith(("BEGIN", "SET"))]) == 1, sent
