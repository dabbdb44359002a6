"""Quotas of requests: what answers say of them, read as HTTP's structured fields by a library of their author."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, closing
from typing import Any

import http_sf
import httpx
import pytest
from sqlalchemy import func, select

from api.main import create_app
from api.operations import COSTLY
from heartbeat.domain.plans import DEFAULT_PLANS, Plan
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.projects import IdempotencyKey
from tests.support.api import Api, error_of, owner, wrong_fields
from tests.support.dashboard import SITE, Browser
from tests.support.statements import statements
from tests.support.still_clock import NOON, api, starter

__all__ = ["api", "starter"]

KEPT = columns(IdempotencyKey)
OwnerOn = Callable[..., Awaitable[Api]]


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
    # When the key was used is written now and then, whatever its limits.
    assert len([one for one in sent if not one.startswith(("BEGIN", "SET", "UPDATE api_key"))]) == 1, sent


@pytest.fixture
async def plan(api: Api, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OwnerOn]:
    """Owners of new projects on a plan of these limits."""

    async with AsyncExitStack() as owners:

        async def owner_on(**limits: int) -> Api:
            monkeypatch.setitem(api.settings.plans, "limited", Plan(**limits))
            return await owners.enter_async_context(owner(api.app, "limited"))

        yield owner_on


async def limited_key(api: Api, requests_per_minute: int) -> tuple[Api, dict[str, Any]]:
    made = await api.post("/keys/create", name="Slow", preset="viewer", requests_per_minute=requests_per_minute)
    key = made.json()["key"]
    return api.as_caller(key["secret"]), key


async def test_a_key_may_have_a_limit_of_its_own(api: Api) -> None:
    slow, key = await limited_key(api, 2)
    assert key["requests_per_minute"] == 2
    answers = [await slow.get("/readall") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [quotas(answer) for answer in answers] == [{"key": {"q": 2, "w": 60, "r": r, "t": 40}} for r in (1, 0, 0)]
    refused = error_of(answers[2], 429)
    assert (refused["code"], refused["message"]) == (
        "rate_limited",
        "This key may send 2 requests a minute; try again in 40 s.",
    )
    assert (await api.get("/readall")).status_code == 200
    listed = (await api.get("/keys/readall")).json()["keys"]
    assert [one["requests_per_minute"] for one in listed] == [None, 2]


async def test_a_key_in_the_place_of_another_has_its_limit(api: Api) -> None:
    _, key = await limited_key(api, 2)
    new = (await api.post("/keys/rotate", key_id=key["id"])).json()["key"]
    assert new["requests_per_minute"] == 2


async def test_a_limit_of_no_requests_is_refused(api: Api) -> None:
    for wrong in (0, -1, 2**31, "many"):
        answer = await api.post("/keys/create", name="Slow", preset="viewer", requests_per_minute=wrong)
        assert wrong_fields(answer) == ["requests_per_minute"], wrong


async def test_the_lower_of_the_keys_and_the_plans_limits_holds(plan: OwnerOn) -> None:
    api = await plan(requests_per_minute=9, key_requests_per_minute=4)
    assert quotas(await api.get("/readall")) == {
        "project": {"q": 9, "w": 60, "r": 8, "t": 40},
        "key": {"q": 4, "w": 60, "r": 3, "t": 40},
    }
    slow, _ = await limited_key(api, 2)
    fast, _ = await limited_key(api, 100)
    assert quotas(await slow.get("/readall"))["key"]["q"] == 2
    assert quotas(await fast.get("/readall"))["key"]["q"] == 4


async def test_what_one_quota_refuses_counts_for_no_other(plan: OwnerOn) -> None:
    api = await plan(requests_per_minute=50)
    slow, _ = await limited_key(api, 1)
    answers = [await slow.get("/readall") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 429]
    assert {quotas(answer)["project"]["r"] for answer in answers} == {48}


async def test_costly_reads_have_a_quota_of_their_own(plan: OwnerOn) -> None:
    api = await plan(costly_reads_per_minute=2)
    plain = await api.get("/readall")
    assert not [name for name in plain.headers if name.startswith("ratelimit")]
    answers = [await api.get("/project/runs") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [quotas(answer)["costly"]["r"] for answer in answers] == [1, 0, 0]
    assert "allows 2 costly reads a minute" in error_of(answers[2], 429)["message"]
    assert (await api.get("/readall")).status_code == 200


@pytest.mark.parametrize("plan_name", ["starter", "pro", "prime"])
def test_what_published_clients_read_is_no_costly_read(plan_name: str) -> None:
    """They go on with the requests that they had."""
    assert not [name for name in COSTLY if name.startswith("GET /v1/bot/")]
    assert DEFAULT_PLANS[plan_name].key_requests_per_minute is None


async def test_processes_count_together(plan: OwnerOn) -> None:
    """As many as are allowed get through, of those that two processes answer at the same time."""
    api = await plan(requests_per_minute=20, key_requests_per_minute=20)
    with closing(Database(api.database.url)) as database:
        other = create_app(api.settings, database, api.temporal, now=lambda: NOON)
        transport = httpx.ASGITransport(other, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
            also = Api(other, http, api.project, api.key)
            answers = await asyncio.gather(*(one.get("/readall") for _ in range(15) for one in (api, also)))
    assert Counter(answer.status_code for answer in answers) == {200: 20, 429: 10}
    assert min(quotas(answer)["key"]["r"] for answer in answers) == 0


async def test_exports_of_the_dashboard_are_costly_reads(plan: OwnerOn) -> None:
    api = await plan(costly_reads_per_minute=1, requests_per_minute=1)
    transport = httpx.ASGITransport(api.app, raise_app_exceptions=False)
    async with Browser(transport=transport, base_url=SITE) as browser:
        await browser.sign_in(api.key)
        assert [(await browser.get(path)).status_code for path in ("/runs", "/runs.csv", "/runs")] == [200] * 3
        refused = await browser.get("/runs.jsonl")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "40")
    assert quotas(refused) == {"costly": {"q": 1, "w": 60, "r": 0, "t": 40}}
    assert "allows 1 costly reads a minute" in refused.text.replace("&#39;", "'")


@pytest.mark.parametrize(("plain", "search"), [("/runs?status=error", "/runs?q=seat"), ("/audit", "/audit?actor=key")])
async def test_searches_of_the_dashboard_are_costly_reads(plan: OwnerOn, plain: str, search: str) -> None:
    api = await plan(costly_reads_per_minute=1)
    transport = httpx.ASGITransport(api.app, raise_app_exceptions=False)
    async with Browser(transport=transport, base_url=SITE) as browser:
        await browser.sign_in(api.key)
        statuses = [(await browser.get(path)).status_code for path in (plain, search, search, plain)]
    assert statuses == [200, 200, 429, 200]


async def test_each_quota_costs_one_statement(plan: OwnerOn) -> None:
    api = await plan(requests_per_minute=50, costly_reads_per_minute=50)
    slow, _ = await limited_key(api, 50)
    await slow.get("/project/runs")
    with statements() as sent:
        await slow.get("/project/runs")
    windows = [one.split()[:3] for one in sent if "window" in one and one.startswith(("INSERT", "DELETE"))]
    assert windows == [["INSERT", "INTO", "request_window"], ["INSERT", "INTO", "key_window"]]


async def test_a_request_that_gets_its_answer_again_counts_too(starter: Api) -> None:
    """Each is a transaction: for nothing, a limited client could send any number."""
    answers = [await starter.call("POST", "/create", {"name": "Desk"}, idempotency_key="one") for _ in range(61)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    assert [quotas(answer)["project"]["r"] for answer in answers] == [*range(59, -1, -1), 0]
    assert {answer.headers.get("idempotent-replayed") for answer in answers[1:60]} == {"true"}
    refused = await starter.call("POST", "/create", {"name": "Desk"}, idempotency_key="two")
    kept = select(func.count()).where(KEPT.c.project_id == starter.project.id)
    assert error_of(refused, 429)["code"] == "rate_limited"
    assert await starter.database.read(lambda connection: connection.execute(kept).scalar_one()) == 1


async def test_so_does_one_whose_idempotency_key_is_refused(starter: Api) -> None:
    await starter.call("POST", "/create", {"name": "Desk"}, idempotency_key="one")
    refused = [
        await starter.call("POST", "/create", {"name": "Another"}, idempotency_key="one"),
        await starter.call("POST", "/create", {"name": "Desk"}, idempotency_key="x" * 256),
    ]
    assert [answer.status_code for answer in refused] == [409, 400]
    assert [quotas(answer)["project"]["r"] for answer in refused] == [58, 57]
