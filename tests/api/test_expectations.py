"""What is expected of runs over the API: kept, shown, cleared, and refused at its place."""

from typing import Any

import pytest

from tests.support.api import Api, wrong_fields

CONFIGURE = "/heartbeat/configure"
EXPECT = {"report": "required", "called": ["desk__close"], "answer": {"json_schema": {"type": "object"}}}


async def test_an_expectation_is_kept_until_it_is_cleared(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot, expect=EXPECT)
    assert heartbeat["expect"] == EXPECT
    assert (await api.heartbeat(bot, prompt=heartbeat["prompt"], label="Morning"))["expect"] == EXPECT
    assert (await api.heartbeat(bot, prompt=heartbeat["prompt"], expect=None))["expect"] is None
    assert (await api.heartbeat(bot, prompt=heartbeat["prompt"], expect={"called": []}))["expect"] is None


async def test_a_task_has_one_too(api: Api) -> None:
    bot = await api.bot()
    daily = {"schedule_type": "daily", "schedule_config": {"time": "09:00"}}
    answer = await api.post("/task/create", bot_id=bot["id"], name="Look", prompt="Look.", expect=EXPECT, **daily)
    assert answer.json()["task"]["expect"] == EXPECT


WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "parts": (
        {"expect": {"report": "yes", "answer": {"matches": "(?=x)"}}},
        ["expect.report", "expect.answer.matches"],
    ),
    "a part that is none": ({"expect": {"answr": {}}}, ["expect.answr"]),
    "a report without tools": ({"expect": EXPECT, "chat_mode": "ask"}, ["expect.report"]),
    "a call without tools": ({"expect": {"called": ["a"]}, "chat_mode": "ask"}, ["expect.called"]),
}


@pytest.mark.parametrize(("fields", "names"), WRONG.values(), ids=WRONG)
async def test_what_no_run_could_do_is_refused_at_its_place(api: Api, fields: dict[str, Any], names: list[str]) -> None:
    answer = await api.post(CONFIGURE, bot_id=(await api.bot())["id"], prompt="Look.", **fields)
    assert sorted(wrong_fields(answer)) == sorted(names)
