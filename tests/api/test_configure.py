"""Configure: what it creates, what it means by an update, and what a stale body must not do."""

import asyncio

import pytest

from api.schemas.heartbeats import ConfiguredHeartbeat, HeartbeatObject
from tests.support.api import Api, error_of, wrong_fields
from tests.support.seeds import YEARLY

CONFIGURE = "/heartbeat/configure"


async def test_a_new_heartbeat_has_the_published_defaults(api: Api) -> None:
    bot = await api.bot()
    answer = await api.post(CONFIGURE, bot_id=bot["id"], prompt="Check the tickets")
    assert answer.status_code == 200
    configured = ConfiguredHeartbeat.model_validate(answer.json(), extra="forbid")
    heartbeat = configured.heartbeat
    assert configured.warnings == []
    assert answer.json()["heartbeat"].keys() == HeartbeatObject.model_fields.keys()
    assert (heartbeat.enabled, heartbeat.timezone, heartbeat.credit_budget) == (0, "UTC", None)
    assert (heartbeat.max_consecutive_errors, heartbeat.error_count, heartbeat.execution_count) == (5, 0, 0)
    assert (heartbeat.interval_minutes, heartbeat.cron_pattern) == (30, None)
    assert (heartbeat.bot_id, heartbeat.bot_uuid) == (bot["bot_id"], bot["uuid"])
    assert (heartbeat.next_run_at, heartbeat.pause, heartbeat.schedule_state) == (None, None, "none")
    assert heartbeat.schedule == "Every 30 minutes, UTC"


async def test_an_enabled_heartbeat_says_when_it_runs_next(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(
        bot, cron_pattern="0 9 * * 1-5", timezone="America/New_York", enabled=True, credit_budget=100
    )
    assert heartbeat["enabled"] == 1
    assert heartbeat["schedule_state"] == "active"
    assert heartbeat["schedule"] == "At 09:00, Monday to Friday, New York time"
    assert heartbeat["next_run_at"].endswith(("13:00:00Z", "14:00:00Z"))
    assert heartbeat["credit_budget"] == 100


async def test_its_schedule_is_in_temporal(api: Api) -> None:
    heartbeat = await api.heartbeat(await api.bot(), enabled=True)
    schedule = (await api.temporal.get_schedule_handle(heartbeat["uuid"]).describe()).schedule
    assert schedule.state.paused is False


UNSET = ("cron_pattern", "active_hours_start", "active_hours_end", "active_days", "credit_budget", "member_id")


@pytest.mark.parametrize("blank", ["", " "])
async def test_an_empty_string_leaves_a_field_out(api: Api, blank: str) -> None:
    bot = await api.bot()
    first = await api.heartbeat(bot, credit_budget=7, label="Morning", enabled="true", timezone="Europe/Berlin")
    blanks = dict.fromkeys((*UNSET, "uuid", "external_id", "label", "timezone", "enabled", "max_steps"), blank)
    answer = await api.post(CONFIGURE, bot_id=bot["id"], prompt=first["prompt"], interval_minutes="45", **blanks)
    assert answer.status_code == 200, answer.text
    changed = answer.json()["heartbeat"]
    assert (changed["uuid"], changed["interval_minutes"]) == (first["uuid"], 45)
    same = ("credit_budget", "label", "enabled", "timezone", "active_days", "member_id", "max_steps")
    assert {name: changed[name] for name in same} == {name: first[name] for name in same}


async def test_what_is_required_is_not_left_out_by_an_empty_string(api: Api) -> None:
    bot = await api.bot()
    assert wrong_fields(await api.post(CONFIGURE, bot_id=bot["id"], prompt="")) == ["prompt"]
    assert wrong_fields(await api.post("/tool", bot_id=bot["id"], server_label="", server_url="https://a.example")) == [
        "server_label"
    ]


@pytest.mark.parametrize("interval", ["", 0, "0", None])
async def test_an_interval_that_is_not_set_may_stand_beside_a_pattern(api: Api, interval: object) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot, cron_pattern="0 9 * * *", interval_minutes=interval)
    assert (heartbeat["cron_pattern"], heartbeat["interval_minutes"]) == ("0 9 * * *", None)
    about = {"bot_id": bot["id"], "prompt": "other", "cron_pattern": "", "interval_minutes": 0}
    assert wrong_fields(await api.post(CONFIGURE, **about)) == ["interval_minutes"]


async def test_a_step_that_misleads_is_a_warning(api: Api) -> None:
    bot = await api.bot()
    about = {"bot_id": bot["id"], "prompt": "x", "cron_pattern": "*/90 * * * *"}
    answers = [(await api.post(path, **about)).json() for path in (CONFIGURE, "/heartbeat/preview")]
    assert [answer["warnings"] for answer in answers] == [
        [
            "'*/90' as minute is 0 alone, since a step starts anew each hour. "
            "For every 90 minutes set interval_minutes to 90 in place of a pattern."
        ]
    ] * 2
    assert answers[0]["heartbeat"]["schedule"] == answers[1]["schedule"] == "At the start of every hour, UTC"


@pytest.mark.parametrize("days", [[1, 2, 3], ["1", "2", "3"], "1,2,3"])
async def test_active_days_may_be_a_list(api: Api, days: object) -> None:
    heartbeat = await api.heartbeat(await api.bot(), active_days=days)
    assert heartbeat["active_days"] == "1,2,3"


async def test_one_active_day_may_be_a_number(api: Api) -> None:
    assert (await api.heartbeat(await api.bot(), active_days=7))["active_days"] == "7"


@pytest.mark.parametrize("days", [[], [8], ["mon"], [[1]], {"1": True}])
async def test_a_list_that_is_none_of_days_is_refused(api: Api, days: object) -> None:
    bot = await api.bot()
    assert wrong_fields(await api.post(CONFIGURE, bot_id=bot["id"], prompt="x", active_days=days)) == ["active_days"]


async def test_empty_filters_list_everything(api: Api) -> None:
    bot = await api.bot()
    await api.heartbeat(bot)
    blanks = dict.fromkeys(("heartbeat_id", "member_id", "status", "dry_run", "page", "per_page"), "")
    logs = await api.get("/heartbeat/logs", bot_id=bot["id"], **blanks)
    assert logs.json()["pagination"] == {"page": 1, "per_page": 20, "total": 0, "total_pages": 0}


async def test_a_text_of_a_bot_may_be_empty_and_an_id_that_came_out_empty_cancels_nothing(api: Api) -> None:
    bot = await api.bot(instruction="Watch.", memory=True)
    heartbeat = await api.heartbeat(bot)
    changed = await api.put("/update", bot_id=bot["id"], instruction="", memory="", name="")
    assert changed.status_code == 200, changed.text
    bot = changed.json()["bot"]
    assert (bot["instruction"], bot["memory"], bool(bot["name"])) == ("", 1, True)
    about = {"bot_id": bot["id"], "heartbeat_id": heartbeat["uuid"]}
    assert wrong_fields(await api.post("/heartbeat/cancel", log_id="", **about)) == ["log_id"]


@pytest.mark.parametrize("bot_key", ["id", "bot_id"])
async def test_a_bot_goes_by_its_public_id_and_by_its_number(api: Api, bot_key: str) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot, bot_id=bot[bot_key])
    assert heartbeat["bot_uuid"] == bot["uuid"]
    assert (await api.heartbeat(bot, bot_id=str(bot[bot_key])))["uuid"] == heartbeat["uuid"]


async def test_the_same_prompt_means_the_same_heartbeat_and_what_is_left_out_stays(api: Api) -> None:
    bot = await api.bot()
    first = await api.heartbeat(bot, timezone="Europe/Berlin", credit_budget=7, enabled=True, label="Morning")
    answer = await api.post(CONFIGURE, bot_id=bot["id"], prompt=first["prompt"], max_consecutive_errors=2)
    second = answer.json()["heartbeat"]
    assert second["uuid"] == first["uuid"]
    assert second["max_consecutive_errors"] == 2
    names = ("timezone", "credit_budget", "enabled", "label", "cron_pattern")
    assert {name: second[name] for name in names} == {name: first[name] for name in names}


async def test_null_clears_the_budget(api: Api) -> None:
    bot = await api.bot()
    await api.heartbeat(bot, credit_budget=7)
    assert (await api.heartbeat(bot, credit_budget=None))["credit_budget"] is None


async def test_null_leaves_what_cannot_be_empty_as_it_is(api: Api) -> None:
    bot = await api.bot()
    first = await api.heartbeat(bot, timezone="Europe/Berlin", max_consecutive_errors=3)
    nothing = dict.fromkeys(("timezone", "max_consecutive_errors", "cron_pattern", "interval_minutes", "enabled"))
    assert (await api.heartbeat(bot, **nothing))["timezone"] == first["timezone"]


async def test_the_chat_mode_stays_until_it_is_changed(api: Api) -> None:
    bot = await api.bot()
    modes = [(await api.heartbeat(bot, **fields))["chat_mode"] for fields in ({}, {"chat_mode": "ask"}, {})]
    assert modes == ["agent", "ask", "ask"]
    assert (await api.heartbeat(bot, chat_mode="agent"))["chat_mode"] == "agent"
    answer = await api.post(CONFIGURE, bot_id=bot["id"], prompt="Check the queue.", chat_mode="sing")
    assert wrong_fields(answer) == ["chat_mode"]


async def test_an_external_id_is_a_key_of_its_own(api: Api) -> None:
    bot = await api.bot()
    first = await api.heartbeat(bot, external_id="a")
    second = await api.heartbeat(bot, external_id="b")
    again = await api.heartbeat(bot, external_id="a", prompt="Something else")
    assert first["uuid"] != second["uuid"]
    assert (again["uuid"], again["prompt"]) == (first["uuid"], "Something else")


async def test_an_external_id_is_given_to_a_heartbeat_with_the_same_prompt_that_has_none(api: Api) -> None:
    bot = await api.bot()
    first = await api.heartbeat(bot)
    assert (await api.heartbeat(bot, external_id="a"))["uuid"] == first["uuid"]


async def test_a_uuid_comes_before_everything_else(api: Api) -> None:
    bot = await api.bot()
    first, other = await api.heartbeat(bot), await api.heartbeat(bot, prompt="Other", external_id="a")
    changed = await api.heartbeat(bot, uuid=first["uuid"], prompt="Other")
    assert (changed["uuid"], changed["prompt"]) == (first["uuid"], "Other")
    missing = await api.post(CONFIGURE, bot_id=bot["id"], prompt="Other", uuid="hb_missing")
    assert error_of(missing, 404)["code"] == "heartbeat_not_found"
    taken = await api.post(CONFIGURE, bot_id=bot["id"], prompt="Other", uuid=first["uuid"], external_id="a")
    assert error_of(taken, 409)["code"] == "external_id_taken"
    assert other["uuid"] in taken.json()["message"]


async def test_a_heartbeat_of_another_bot_is_out_of_reach(api: Api) -> None:
    first, second = await api.bot(), await api.bot()
    heartbeat = await api.heartbeat(first, external_id="a")
    answer = await api.post(CONFIGURE, bot_id=second["id"], prompt="Mine", uuid=heartbeat["uuid"])
    assert error_of(answer, 404)["code"] == "heartbeat_not_found"
    assert (await api.heartbeat(second, external_id="a"))["uuid"] != heartbeat["uuid"]


async def test_members_with_the_same_prompt_have_heartbeats_of_their_own(api: Api) -> None:
    bot = await api.bot()
    ann, bob = await api.member(bot), await api.member(bot)
    of_all = await api.heartbeat(bot)
    of_ann = await api.heartbeat(bot, member_id=ann["id"])
    of_bob = await api.heartbeat(bot, member_id=bob["member_id"])
    assert len({of_all["uuid"], of_ann["uuid"], of_bob["uuid"]}) == 3
    assert (of_ann["member_uuid"], of_bob["member_id"]) == (ann["id"], bob["member_id"])
    assert (await api.heartbeat(bot, member_id=str(ann["member_id"])))["uuid"] == of_ann["uuid"]
    assert (await api.heartbeat(bot))["uuid"] == of_all["uuid"]
    moved = await api.post(CONFIGURE, bot_id=bot["id"], prompt="x", uuid=of_ann["uuid"], member_id=bob["id"])
    assert wrong_fields(moved) == ["member_id"]
    assert error_of(await api.post(CONFIGURE, bot_id=bot["id"], prompt="x", member_id="mem_no"), 404)


async def test_a_cron_pattern_and_an_interval_replace_each_other(api: Api) -> None:
    bot = await api.bot()
    await api.heartbeat(bot, cron_pattern=YEARLY)
    by_interval = await api.heartbeat(bot, interval_minutes=45)
    assert (by_interval["cron_pattern"], by_interval["interval_minutes"]) == (None, 45)
    by_pattern = await api.heartbeat(bot, cron_pattern=YEARLY)
    assert (by_pattern["cron_pattern"], by_pattern["interval_minutes"]) == (YEARLY, None)


async def test_an_edit_that_keeps_the_interval_keeps_its_ticks(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot, interval_minutes=45)
    before = (await api.row(heartbeat)).anchor_at
    await api.heartbeat(bot, interval_minutes=45, label="Renamed")
    assert (await api.row(heartbeat)).anchor_at == before
    await api.heartbeat(bot, interval_minutes=46)
    assert (await api.row(heartbeat)).anchor_at > before


async def test_active_hours_and_days_are_kept_and_cleared(api: Api) -> None:
    bot = await api.bot()
    hours = {"active_hours_start": "09:00", "active_hours_end": "17:00", "active_days": "1,2,3"}
    heartbeat = await api.heartbeat(bot, interval_minutes=30, **hours)
    assert {name: heartbeat[name] for name in hours} == hours
    cleared = await api.heartbeat(bot, interval_minutes=30, **dict.fromkeys(hours))
    assert {name: cleared[name] for name in hours} == dict.fromkeys(hours)


@pytest.mark.parametrize(
    ("spelling", "enabled"),
    [
        (True, 1),
        (False, 0),
        (1, 1),
        (0, 0),
        ("1", 1),
        ("0", 0),
        ("true", 1),
        ("FALSE", 0),
        ("active", 1),
        ("inactive", 0),
    ],
)
async def test_booleans_have_many_spellings(api: Api, spelling: object, enabled: int) -> None:
    assert (await api.heartbeat(await api.bot(), enabled=spelling))["enabled"] == enabled


async def test_numbers_may_come_as_digits(api: Api) -> None:
    heartbeat = await api.heartbeat(await api.bot(), credit_budget="100", max_consecutive_errors=3.0)
    assert (heartbeat["credit_budget"], heartbeat["max_consecutive_errors"]) == (100, 3)


async def test_the_version_grows_only_with_what_the_schedule_shows(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    assert (await api.row(heartbeat)).version == 1
    await api.heartbeat(bot, credit_budget=5, label="A label", max_consecutive_errors=9)
    assert (await api.row(heartbeat)).version == 1
    await api.heartbeat(bot, timezone="Asia/Tokyo")
    await api.heartbeat(bot, uuid=heartbeat["uuid"], prompt="New words")
    row = await api.row(heartbeat)
    assert (row.version, row.synced_version) == (3, 3)


async def test_configures_at_the_same_time_make_one_heartbeat(api: Api) -> None:
    bot = await api.bot()
    heartbeats = await asyncio.gather(*(api.heartbeat(bot) for _ in range(8)))
    keyed = await asyncio.gather(*(api.heartbeat(bot, external_id="a", prompt=f"Prompt {n}") for n in range(8)))
    assert len({heartbeat["uuid"] for heartbeat in heartbeats}) == 1
    assert len({heartbeat["uuid"] for heartbeat in keyed}) == 1
    listed = (await api.get("/heartbeat/readall", bot_id=bot["id"])).json()["heartbeats"]
    assert len(listed) == 2
    assert {heartbeat["schedule_state"] for heartbeat in listed} == {"none"}


async def test_without_the_bots_flag_nothing_is_configured(api: Api) -> None:
    bot = await api.bot(heartbeat=0)
    answer = await api.post(CONFIGURE, bot_id=bot["id"], prompt="Check")
    assert error_of(answer, 403)["code"] == "heartbeat_not_enabled"
    assert error_of(await api.post(CONFIGURE, bot_id="bot_no", prompt="Check"), 404)["code"] == "bot_not_found"


async def test_a_heartbeat_has_a_model_of_its_own_and_some_that_stand_in_for_it(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    assert (heartbeat["model"], heartbeat["fallback_models"]) == (None, [])
    changes = [
        ({"model": "gpt-x", "fallback_models": ["a:b", " c:d", "a:b"]}, ("gpt-x", ["a:b", "c:d"])),
        # Left out, or as tools without code leave it out.
        ({"fallback_models": None}, ("gpt-x", ["a:b", "c:d"])),
        ({"model": None, "fallback_models": "e:f, g:h"}, (None, ["e:f", "g:h"])),
        ({"fallback_models": []}, (None, [])),
    ]
    for fields, after in changes:
        answer = await api.post(CONFIGURE, bot_id=bot["id"], uuid=heartbeat["uuid"], prompt="Look.", **fields)
        changed = answer.json()["heartbeat"]
        assert (changed["model"], changed["fallback_models"]) == after, fields
    answer = await api.post(CONFIGURE, bot_id=bot["id"], prompt="Look.", fallback_models=["a", "b", "c", "d"])
    assert wrong_fields(answer) == ["fallback_models"]
