"""Idempotency keys: one answer for each, whatever happens between the first request and the last."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import Connection, func, select, update

from api.claims import HeldClaim
from heartbeat.domain.errors import Conflict, Unavailable
from heartbeat.store.database.rows import columns
from heartbeat.store.projects.idempotency import (
    LEASE,
    LIFETIME,
    IdempotencyClaim,
    KeyedRequest,
    StoredResponse,
    begin_change,
    claim,
    renew,
    store_response,
)
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.projects import IdempotencyKey
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.process import in_background
from tests.support.api import Api, error_of, owner, wrong_fields
from tests.support.model_server import ModelServer
from tests.support.patience import until
from tests.support.seeds import NOW

KEY = columns(IdempotencyKey)


async def create(api: Api, key: str, **fields: object) -> httpx.Response:
    return await api.call("POST", "/create", {"name": "Desk", **fields}, idempotency_key=key)


async def bots(api: Api) -> int:
    return (await api.get("/readall")).json()["total"]


async def age(api: Api, **by: timedelta) -> None:
    """Make this project's keys older than they are."""
    then = {name: datetime.now(UTC) - how for name, how in by.items()}
    await api.database.write(
        lambda connection: connection.execute(update(KEY).where(KEY.c.project_id == api.project.id).values(then))
    )


async def test_the_same_request_again_gets_the_first_answer_again(api: Api) -> None:
    first, second = await create(api, "one"), await create(api, "one")
    assert (second.status_code, second.text) == (first.status_code, first.text)
    assert second.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert second.headers["content-type"] == first.headers["content-type"] == "application/json"
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert await bots(api) == 1
    await create(api, "two")
    assert await bots(api) == 2


async def test_the_same_key_for_another_request_is_refused(api: Api) -> None:
    await create(api, "one")
    other_body = await create(api, "one", name="Other")
    assert error_of(other_body, 409)["code"] == "idempotency_key_reused"
    other_call = await api.call("POST", "/reset", {"name": "Desk"}, idempotency_key="one")
    assert error_of(other_call, 409)["code"] == "idempotency_key_reused"
    assert await bots(api) == 1


async def test_a_key_belongs_to_its_project(api: Api) -> None:
    await create(api, "one")
    async with owner(api.app) as other:
        assert (await create(other, "one")).json()["bot"]["id"]
        assert await bots(other) == 1
    unknown = await create(api.as_caller("hbk_unknown"), "one")
    assert error_of(unknown, 401)


async def test_requests_at_the_same_time_are_made_once(api: Api) -> None:
    answers = await asyncio.gather(*(create(api, "one") for _ in range(8)))
    successes = [answer for answer in answers if answer.status_code == 200]
    assert len({answer.text for answer in successes}) == 1
    for answer in answers:
        if answer.status_code != 200:
            assert error_of(answer, 409)["code"] == "idempotency_in_progress"
            assert answer.headers["retry-after"] == "1"
    assert await bots(api) == 1


async def test_a_refusal_is_an_answer_like_any_other(api: Api) -> None:
    first = await create(api, "one", name="")
    assert wrong_fields(first) == ["name"]
    again = await create(api, "one", name="")
    assert (again.status_code, again.json()) == (400, first.json())
    assert again.headers["idempotent-replayed"] == "true"


async def test_an_answer_is_forgotten_after_a_day(api: Api) -> None:
    await create(api, "one")
    await age(api, created_at=LIFETIME + timedelta(seconds=1))
    again = await create(api, "one", name="Another")
    assert again.status_code == 200
    assert await bots(api) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "ö", "a\tb"])
async def test_what_a_key_may_be(api: Api, key: str) -> None:
    headers = [
        (b"authorization", f"Bearer {api.key}".encode()),
        (b"content-type", b"application/json"),
        (b"idempotency-key", key.encode("latin-1")),
    ]
    answer = await api.http.post("/v1/bot/create", content=b"{}", headers=headers)
    assert wrong_fields(answer) == ["Idempotency-Key"]


async def test_a_failure_of_ours_is_not_kept(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Bot:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("heartbeat.store.bots.bots.create_bot", broken)
        assert error_of(await create(api, "one"), 500)["code"] == "internal_error"
    assert (await create(api, "one")).status_code == 200
    assert await bots(api) == 1


async def test_an_attempt_that_died_is_taken_over(api: Api) -> None:
    await create(api, "one")
    unanswered = update(KEY).where(KEY.c.project_id == api.project.id).values(status=None, answer=None)
    await api.database.write(lambda connection: connection.execute(unanswered))
    assert error_of(await create(api, "one"), 409)["code"] == "idempotency_in_progress"
    await age(api, claimed_at=LEASE)
    assert (await create(api, "one")).status_code == 200


async def test_what_was_done_before_the_attempt_died_is_not_done_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def died(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("api.routes.bots.show_bot", died)
    assert error_of(await create(api, "one"), 500)
    monkeypatch.undo()
    assert error_of(await create(api, "one"), 409)["code"] == "idempotency_answer_lost"
    assert await bots(api) == 1


def begun(connection: Connection, project_id: int, now: datetime) -> IdempotencyClaim:
    claimed = claim(connection, project_id, KeyedRequest("one", "a request"), now)
    assert isinstance(claimed, IdempotencyClaim)
    return claimed


async def test_an_attempt_that_was_stopped_for_long_changes_nothing_any_more(api: Api) -> None:
    stopped = await api.database.write(begun, api.project.id, NOW)
    second = await api.database.write(begun, api.project.id, NOW + LEASE)
    with pytest.raises(Conflict, match="taken over"):
        await api.database.write(begin_change, stopped)
    assert await api.database.write(renew, stopped, NOW + LEASE) is None
    await api.database.write(store_response, stopped, 200, "late")
    await api.database.write(begin_change, second)
    await api.database.write(store_response, second, 200, "in time")
    answer = await api.database.write(claim, api.project.id, KeyedRequest("one", "a request"), NOW)
    assert answer == StoredResponse(200, "in time")


async def test_a_claim_is_renewed_for_as_long_as_its_answer_is_made(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.claims.RENEW_SECONDS", 0.01)
    minutes = iter(range(1, 1000))
    first = await api.database.write(begun, api.project.id, NOW)
    held = HeldClaim(first, api.database, lambda: NOW + timedelta(minutes=next(minutes)))
    async with in_background(held.keep()):
        await until(lambda: held.claim.claimed_at >= NOW + timedelta(minutes=3))
        async with held.lock:
            await api.database.write(begin_change, held.claim)
    assert held.claim.new_id("log") == first.new_id("log")


async def trigger(api: Api, which: dict, key: str) -> httpx.Response:
    return await api.call("POST", "/heartbeat/trigger", which, idempotency_key=key)


async def runs(api: Api, which: dict) -> int:
    table = columns(Run)
    return await api.database.read(lambda connection: connection.execute(select(func.count(table.c.id))).scalar_one())


async def test_a_trigger_with_a_key_runs_once_even_when_its_answer_was_lost(
    working: Api, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await working.bot()
    which = {"bot_id": bot["id"], "heartbeat_id": (await working.heartbeat(bot))["uuid"]}

    async def lost(*_: object) -> None:
        raise Unavailable("database_unavailable", "gone for a moment")

    with monkeypatch.context() as patch:
        patch.setattr("api.manual_runs.result_within", lost)
        assert error_of(await trigger(working, which, "one"), 503)
    first = await trigger(working, which, "one")
    again = await trigger(working, which, "one")
    assert first.json()["result"]["status"] == "success"
    assert again.json() == first.json()
    assert (await runs(working, which), len(model.requests)) == (1, 1)
    other = await trigger(working, which, "two")
    assert other.json()["result"]["log_id"] != first.json()["result"]["log_id"]


async def test_a_key_used_again_days_later_is_a_new_run(working: Api) -> None:
    bot = await working.bot()
    which = {"bot_id": bot["id"], "heartbeat_id": (await working.heartbeat(bot))["uuid"]}
    first = await trigger(working, which, "daily")
    await age(working, created_at=LIFETIME + timedelta(seconds=1))
    second = await trigger(working, which, "daily")
    assert first.json()["result"]["log_id"] != second.json()["result"]["log_id"]
    assert await runs(working, which) == 2
