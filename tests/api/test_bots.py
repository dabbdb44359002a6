"""Bots: the published object, its flag, its end."""

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import ScheduleActionStartWorkflow
from temporalio.service import RPCError

from api.schemas.bots import AllBots, OneBot, UpdatedBot
from heartbeat.domain.pauses import FLAG_TURNED_OFF
from heartbeat.store.memory.memory import MemoryOwner, remember
from tests.support.api import Api, error_of, wrong_fields
from tests.support.rows import every_row
from tests.support.seeds import NOW


async def test_a_bot_reads_back_what_was_written(api: Api) -> None:
    branding = {"theme": "dark", "navigation": {"links": [{"to": "/"}], "enabled": True}}
    answer = await api.post(
        "/create",
        name="Desk",
        model="gpt-4o-mini",
        instruction="Be brief.",
        status="active",
        max_reply_tokens="300",
        top=5,
        memory=True,
        branding=branding,
        provider_key="sk-secret",
    )
    bot = OneBot.model_validate(answer.json(), extra="forbid").bot
    assert (bot.name, bot.model, bot.instruction) == ("Desk", "gpt-4o-mini", "Be brief.")
    assert (bot.status, bot.heartbeat, bot.memory, bot.top) == (1, 0, 1, 5)
    assert (bot.max_reply_tokens, bot.branding, bot.provider_key) == ("300", branding, None)
    assert (await api.get("/read", bot_id=bot.id)).json() == answer.json()
    assert (await api.get("/read", bot_id=bot.bot_id)).json() == answer.json()
    assert "sk-secret" not in answer.text


async def test_a_bot_without_a_model_speaks_to_the_default_one(api: Api) -> None:
    answer = await api.post("/create", name="Desk")
    assert answer.json()["bot"]["model"] == "openai:scripted"
    assert answer.json()["bot"]["max_reply_tokens"] == str(api.settings.max_reply_tokens)


async def test_pages_of_bots(api: Api) -> None:
    uuids = [(await api.bot(name=f"Bot {number}"))["id"] for number in range(12)]
    first = (await api.get("/readall")).json()
    AllBots.model_validate(first, extra="forbid")
    assert [bot["id"] for bot in first["bots"]] == uuids[:10]
    assert first["pagination"] == {"page": 1, "per_page": 10, "total": 12, "total_pages": 2}
    last = (await api.get("/readall", page=3, per_page=5)).json()
    assert [bot["id"] for bot in last["bots"]] == uuids[10:]
    assert (await api.get("/readall", page=2**31 - 1, per_page=100)).json()["bots"] == []


async def test_update_changes_what_is_given_and_answers_it(api: Api) -> None:
    bot = await api.bot(instruction="Be brief.", top=3, memory=1)
    answer = await api.put("/update", bot_id=bot["id"], model="claude-haiku-4-5", status=0, top=9)
    UpdatedBot.model_validate(answer.json(), extra="ignore")
    body = answer.json()
    assert {name: body[name] for name in ("id", "model", "status", "top")} == {
        "id": bot["id"],
        "model": "claude-haiku-4-5",
        "status": 0,
        "top": 9,
    }
    assert "instruction" not in body
    assert (body["bot"]["instruction"], body["bot"]["memory"], body["bot"]["heartbeat"]) == ("Be brief.", 1, 1)


async def test_turning_the_flag_off_pauses_and_turning_it_on_lifts_exactly_that(api: Api) -> None:
    bot = await api.bot()
    running = await api.heartbeat(bot, enabled=True)
    stopped = await api.heartbeat(bot, prompt="Stopped by its owner")
    off = await api.put("/update", bot_id=bot["id"], heartbeat="inactive")
    assert off.json()["heartbeat"] == 0
    paused = (await api.get("/heartbeat/read", bot_id=bot["id"], heartbeat_id=running["uuid"])).json()["heartbeat"]
    assert paused["enabled"] == 0
    assert (paused["pause"]["reason"], paused["pause"]["message"]) == ("operator", FLAG_TURNED_OFF)
    assert (await api.temporal.get_schedule_handle(running["uuid"]).describe()).schedule.state.paused
    await api.put("/update", bot_id=bot["id"], heartbeat=1)
    heartbeats = (await api.get("/heartbeat/readall", bot_id=bot["id"])).json()["heartbeats"]
    assert {one["uuid"]: one["enabled"] for one in heartbeats} == {running["uuid"]: 1, stopped["uuid"]: 0}
    assert [one["pause"] for one in heartbeats] == [None, None]
    assert not (await api.temporal.get_schedule_handle(running["uuid"]).describe()).schedule.state.paused


async def test_an_update_without_the_flag_leaves_heartbeats_alone(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot, enabled=True)
    await api.put("/update", bot_id=bot["id"], instruction="Be kind.")
    assert (await api.row(heartbeat)).version == 1


async def test_a_new_name_reaches_the_schedules(api: Api) -> None:
    bot = await api.bot(name="Before")
    heartbeat = await api.heartbeat(bot)
    await api.put("/update", bot_id=bot["id"], name="Afterwards")
    action = (await api.temporal.get_schedule_handle(heartbeat["uuid"]).describe()).schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    assert isinstance(action.static_summary, Payload)
    summary = await api.temporal.data_converter.decode([action.static_summary], [str])
    assert "Afterwards" in summary[0]


async def test_reset_forgets_what_one_bot_remembers_and_says_how_much(api: Api) -> None:
    bot, other = await api.bot(), await api.bot()
    for one, texts in ((bot, ("green tea", "black tea")), (other, ("coffee",))):
        owner_of = MemoryOwner((await api.row(await api.heartbeat(one))).bot_id)
        await api.database.write(lambda c, o=owner_of, t=texts: [remember(c, o, text, None, NOW) for text in t])
    for one, memories in ((bot, 2), (bot, 0), (other, 1)):
        answer = (await api.post("/reset", bot_id=one["id"])).json()
        assert answer["success"] is True
        assert answer["message"] == f"Bot {one['id']} was reset: {memories} of its memories were deleted."


async def test_a_deleted_bot_takes_everything_along(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot, enabled=True)
    await api.post("/tool", bot_id=bot["id"], server_label="T", server_url="https://t.example.com", transport="http")
    answer = await api.delete("/delete", bot_id=bot["id"])
    assert answer.json()["success"] is True
    with pytest.raises(RPCError):
        await api.temporal.get_schedule_handle(heartbeat["uuid"]).describe()
    for path in ("/read", "/heartbeat/readall", "/heartbeat/logs", "/heartbeat/stats", "/tool", "/subscriber/readall"):
        assert error_of(await api.get(path, bot_id=bot["id"]), 404)["code"] == "bot_not_found"
    assert error_of(await api.delete("/delete", bot_id=bot["id"]), 404)
    assert (await api.get("/readall")).json()["total"] == 0
    assert (await api.row(heartbeat)).deleted_at is not None


WRONG: list[tuple[dict[str, object], str]] = [
    ({"name": ""}, "name"),
    ({"name": None}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"model": 5}, "model"),
    ({"instruction": "x" * 20_001}, "instruction"),
    ({"instruction": "\x00"}, "instruction"),
    ({"status": 2}, "status"),
    ({"heartbeat": "perhaps"}, "heartbeat"),
    ({"max_reply_tokens": 0}, "max_reply_tokens"),
    ({"top": 10**20}, "top"),
    ({"branding": []}, "branding"),
    ({"branding": {"\x00": 1}}, "branding"),
]


async def test_wrong_fields_are_named(api: Api) -> None:
    with every_row() as row:
        for fields, field in WRONG:
            with row(fields):
                assert wrong_fields(await api.post("/create", **{"name": "Desk", **fields})) == [field]


async def test_branding_has_a_depth(api: Api) -> None:
    deep: object = 1
    for _ in range(200):
        deep = {"in": deep}
    assert wrong_fields(await api.post("/create", name="Desk", branding=deep)) == ["branding"]
