"""`GET /v1/audit/readall`: who changed what, by filter, for whoever may do everything."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.api import Api, error_of, wrong_fields


@pytest.fixture
async def desk(api: Api) -> dict[str, Any]:
    """A bot that was made and renamed twice."""
    bot = await api.bot()
    for name in ("Desk", "Front desk"):
        assert (await api.put("/update", bot_id=bot["id"], name=name)).status_code == 200
    return bot


async def read(api: Api, **query: Any) -> dict[str, Any]:
    answer = await api.get("/audit/readall", **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def actions(api: Api, **query: Any) -> list[str]:
    return [entry["action"] for entry in (await read(api, **query))["entries"]]


async def test_an_entry_says_who_what_and_what_it_was_before(api: Api, desk: dict[str, Any]) -> None:
    newest, *_ = (await read(api))["entries"]
    actor = {"kind": "key", "id": "", "name": "key", "email": "", "address": "127.0.0.1"}
    assert newest["actor"] | {"id": ""} == {**actor, "user_agent": newest["actor"]["user_agent"]}
    assert newest["actor"]["user_agent"].startswith("python-httpx/")
    assert (newest["action"], newest["changes"]) == ("bot.update", {"name": ["Desk", "Front desk"]})
    assert newest["object"] == {"type": "bot", "id": desk["uuid"], "name": "Desk"}
    assert len(newest["hash"]) == 64


async def test_pages_go_back_to_the_first_entry(api: Api, desk: dict[str, Any]) -> None:
    numbers: list[int] = []
    before: dict[str, int] | None = {}
    while before is not None:
        page = await read(api, per_page=2, **before)
        numbers += [entry["number"] for entry in page["entries"]]
        before = {"before": page["next"]} if page["next"] else None
    assert numbers == list(range(len(numbers), 0, -1))


async def test_filters_are_of_who_what_whom_and_when(api: Api, desk: dict[str, Any]) -> None:
    assert await actions(api, action="bot.create") == ["bot.create"]
    assert await actions(api, action="bot") == ["bot.update", "bot.update", "bot.create"]
    assert await actions(api, object_id=desk["uuid"], action="bot.update") == ["bot.update"] * 2
    assert len(await actions(api, actor="key")) == 3
    assert "project.create" in await actions(api, actor="product")
    assert await actions(api, actor="nobody") == []
    day = datetime.now(UTC).date()
    assert len(await actions(api, since=day - timedelta(days=1), until=day + timedelta(days=1))) >= 4
    assert await actions(api, since=day + timedelta(days=2)) == []


async def test_what_is_no_filter_is_said(api: Api) -> None:
    assert wrong_fields(await api.get("/audit/readall", since="2026-11-30", until="2026-11-01")) == ["until"]
    assert wrong_fields(await api.get("/audit/readall", before="x")) == ["before"]


async def test_it_is_of_one_project_and_for_admins(api: Api, desk: dict[str, Any]) -> None:
    key = (await api.post("/keys/create", name="CI", preset="editor")).json()["key"]["secret"]
    answer = await api.as_caller(key).get("/audit/readall")
    assert error_of(answer, 403)["code"] == "missing_scope"
