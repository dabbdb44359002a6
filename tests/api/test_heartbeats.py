"""Heartbeats after they were configured: read, listed, switched on and off, deleted, and their schedules with them."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select, update
from temporalio.client import Client
from temporalio.service import RPCError

from api.main import create_app
from api.routes.heartbeats import BATCH_SIZE
from api.schemas.heartbeats import AllHeartbeats, OneHeartbeat
from api.schemas.held_ticks import HeldTicks
from heartbeat.domain import credits
from heartbeat.domain.ids import new_id
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.api import Api, error_of, owner, settings_for
from tests.support.seeds import NOW

TABLE = columns(Heartbeat)


async def paused_in_temporal(api: Api, heartbeat: dict) -> bool:
    return (await api.temporal.get_schedule_handle(heartbeat["uuid"]).describe()).schedule.state.paused


async def set_row(api: Api, heartbeat: dict, **values: object) -> None:
    statement = update(TABLE).where(TABLE.c.uuid == heartbeat["uuid"]).values(**values)
    await api.database.write(lambda connection: connection.execute(statement))


async def test_read_and_readall_show_the_same_object(api: Api) -> None:
    bot = await api.bot()
    first, second = await api.heartbeat(bot), await api.heartbeat(bot, prompt="Other", enabled=True)
    read = await api.get("/heartbeat/read", bot_id=bot["id"], heartbeat_id=second["uuid"])
    assert OneHeartbeat.model_validate(read.json(), extra="forbid").heartbeat.uuid == second["uuid"]
    listed = await api.get("/heartbeat/readall", bot_id=bot["bot_id"])
    AllHeartbeats.model_validate(listed.json(), extra="forbid")
    assert listed.json()["heartbeats"] == [first, read.json()["heartbeat"]]


async def test_readall_in_pages(api: Api) -> None:
    bot = await api.bot()
    uuids = [(await api.heartbeat(bot, prompt=f"Look at {number}"))["uuid"] for number in range(3)]
    pages = [
        (await api.get("/heartbeat/readall", bot_id=bot["id"], page=number, per_page=2)).json() for number in (1, 2)
    ]
    AllHeartbeats.model_validate(pages[0], extra="forbid")
    assert [[one["uuid"] for one in page["heartbeats"]] for page in pages] == [uuids[:2], uuids[2:]]
    assert pages[1]["pagination"] == {"page": 2, "per_page": 2, "total": 3, "total_pages": 2}
    first = (await api.get("/heartbeat/readall", bot_id=bot["id"], page=1)).json()
    assert (len(first["heartbeats"]), first["pagination"]["per_page"]) == (3, 20)
    assert error_of(await api.get("/heartbeat/readall", bot_id=bot["id"], per_page=101), 400)


@pytest.mark.parametrize("number", [BATCH_SIZE, 2 * BATCH_SIZE + 1])
async def test_a_long_list_is_sent_whole_and_in_parts(api: Api, number: int) -> None:
    bot = await api.bot()
    one = await api.heartbeat(bot)

    def multiply(connection: Connection) -> None:
        row = dict(connection.execute(select(TABLE).where(TABLE.c.uuid == one["uuid"])).mappings().one())
        copies = [row | {"id": None, "uuid": new_id("hb"), "prompt": f"Look at {i}"} for i in range(1, number)]
        values = [{name: value for name, value in copy.items() if name != "id"} for copy in copies]
        connection.execute(TABLE.insert(), values)

    await api.database.write(multiply)
    listed = await api.get("/heartbeat/readall", bot_id=bot["id"])
    AllHeartbeats.model_validate(listed.json(), extra="forbid")
    assert [one["prompt"] for one in listed.json()["heartbeats"]][1:] == [f"Look at {i}" for i in range(1, number)]
    assert listed.headers["content-type"] == "application/json"


async def test_readall_of_one_member(api: Api) -> None:
    bot = await api.bot()
    ann, bob = await api.member(bot), await api.member(bot)
    await api.heartbeat(bot)
    of_ann = await api.heartbeat(bot, member_id=ann["id"])
    for key in (ann["id"], ann["member_id"]):
        heartbeats = (await api.get("/heartbeat/readall", bot_id=bot["id"], member_id=key)).json()["heartbeats"]
        assert [one["uuid"] for one in heartbeats] == [of_ann["uuid"]]
    assert (await api.get("/heartbeat/readall", bot_id=bot["id"], member_id=bob["id"])).json() == {"heartbeats": []}
    assert error_of(await api.get("/heartbeat/readall", bot_id=bot["id"], member_id="mem_no"), 404)


async def test_enable_and_disable_reach_the_schedule(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    which = {"bot_id": bot["id"], "heartbeat_id": heartbeat["uuid"]}
    assert await paused_in_temporal(api, heartbeat)
    enabled = (await api.post("/heartbeat/enable", **which)).json()["heartbeat"]
    assert (enabled["enabled"], enabled["schedule_state"]) == (1, "active")
    assert not await paused_in_temporal(api, heartbeat)
    again = (await api.post("/heartbeat/enable", **which)).json()["heartbeat"]
    assert again == enabled
    disabled = (await api.post("/heartbeat/disable", **which)).json()["heartbeat"]
    assert (disabled["enabled"], disabled["schedule_state"], disabled["next_run_at"]) == (0, "none", None)
    assert await paused_in_temporal(api, heartbeat)


@pytest.mark.parametrize("reason", ["errors", "budget", "operator", "plan"])
async def test_enable_lifts_any_pause_and_starts_the_streak_anew(api: Api, reason: str) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot, enabled=True)
    pause = {"enabled": False, "pause_reason": reason, "pause_since": NOW, "pause_detail": "It says why."}
    await set_row(api, heartbeat, **pause, error_count=5, total_error_count=9)
    which = {"bot_id": bot["id"], "heartbeat_id": heartbeat["uuid"]}
    row = (await api.get("/heartbeat/read", **which)).json()["heartbeat"]
    shown = {"reason": reason, "since": "2026-11-20T12:00:00Z", "message": "It says why.", "probe_at": None}
    assert row["pause"] == shown
    enabled = (await api.post("/heartbeat/enable", **which)).json()["heartbeat"]
    assert (enabled["pause"], enabled["error_count"], enabled["total_error_count"]) == (None, 0, 9)


async def test_enable_starts_the_streak_anew_of_what_is_enabled_too(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot, enabled=True)
    await set_row(api, heartbeat, error_count=4)
    which = {"bot_id": bot["id"], "heartbeat_id": heartbeat["uuid"]}
    assert (await api.post("/heartbeat/enable", **which)).json()["heartbeat"]["error_count"] == 0
    assert (await api.row(heartbeat)).version == 1


async def test_disable_makes_a_pause_the_owners_wish(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot, enabled=True)
    await set_row(api, heartbeat, enabled=False, pause_reason="budget", pause_since=NOW, pause_detail="Spent.")
    disabled = await api.post("/heartbeat/disable", bot_id=bot["id"], heartbeat_id=heartbeat["uuid"])
    assert disabled.json()["heartbeat"]["pause"] is None


async def test_credits_used_are_those_of_this_period(api: Api) -> None:
    from datetime import UTC, datetime

    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    which = {"bot_id": bot["id"], "heartbeat_id": heartbeat["uuid"]}
    start, end = credits.period(datetime.now(UTC))
    await set_row(api, heartbeat, period_credits=12, period_start=start)
    row = (await api.get("/heartbeat/read", **which)).json()["heartbeat"]
    assert (row["credits_used"], row["period_ends_at"]) == (12, f"{end:%Y-%m-%dT%H:%M:%SZ}")
    await set_row(api, heartbeat, period_start=start - timedelta(days=28))
    assert (await api.get("/heartbeat/read", **which)).json()["heartbeat"]["credits_used"] == 0


async def test_execution_count_leaves_skipped_ticks_out(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    await set_row(api, heartbeat, success_count=5, total_error_count=3, cancelled_count=1, skipped_count=100)
    answer = await api.get("/heartbeat/read", bot_id=bot["id"], heartbeat_id=heartbeat["uuid"])
    assert answer.json()["heartbeat"]["execution_count"] == 9


async def test_a_deleted_heartbeat_is_gone_with_its_schedule(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot, enabled=True, external_id="a")
    which = {"bot_id": bot["id"], "heartbeat_id": heartbeat["uuid"]}
    answer = await api.delete("/heartbeat/delete", **which)
    assert answer.status_code == 200
    assert list(answer.json()) == ["message"]
    with pytest.raises(RPCError):
        await api.temporal.get_schedule_handle(heartbeat["uuid"]).describe()
    for call in (api.get("/heartbeat/read", **which), api.delete("/heartbeat/delete", **which)):
        assert error_of(await call, 404)["code"] == "heartbeat_not_found"
    assert (await api.get("/heartbeat/readall", bot_id=bot["id"])).json() == {"heartbeats": []}
    assert (await api.heartbeat(bot, external_id="a"))["uuid"] != heartbeat["uuid"]


async def test_enable_needs_the_bots_flag(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    await api.put("/update", bot_id=bot["id"], heartbeat=0)
    which = {"bot_id": bot["id"], "heartbeat_id": heartbeat["uuid"]}
    assert error_of(await api.post("/heartbeat/enable", **which), 403)["code"] == "heartbeat_not_enabled"
    assert (await api.post("/heartbeat/disable", **which)).status_code == 200
    assert (await api.get("/heartbeat/read", **which)).status_code == 200


async def test_without_temporal_writes_are_accepted_and_pending(database: Database) -> None:
    nowhere = await Client.connect("127.0.0.1:1", lazy=True)
    settings = settings_for(database.url, nowhere)
    async with owner(create_app(settings, database, nowhere)) as api:
        bot = await api.bot()
        heartbeat = await api.heartbeat(bot, enabled=True)
        assert (heartbeat["enabled"], heartbeat["schedule_state"]) == (1, "pending")
        which = {"bot_id": bot["id"], "heartbeat_id": heartbeat["uuid"]}
        disabled = await api.post("/heartbeat/disable", **which)
        assert disabled.json()["heartbeat"]["schedule_state"] == "pending"
        triggered = await api.post("/heartbeat/trigger", **which)
        assert error_of(triggered, 503)["code"] == "temporal_unavailable"
        assert int(triggered.headers["retry-after"]) > 0
        assert (await api.delete("/delete", bot_id=bot["id"])).status_code == 200


async def test_a_heartbeat_is_snoozed_and_bounded(api: Api) -> None:
    bot = await api.bot()
    year = datetime.now(UTC).year
    bounds = {"starts_at": f"{year}-01-01T01:00:00+01:00", "ends_at": f"{year + 3}-01-01T00:00:00Z"}
    heartbeat = await api.heartbeat(bot, enabled=True, **bounds)
    assert (heartbeat["starts_at"], heartbeat["ends_at"]) == (f"{year}-01-01T00:00:00Z", bounds["ends_at"])
    assert heartbeat["schedule"].endswith(f"until 1 January {year + 3} at 00:00, UTC")
    which = {"bot_id": bot["id"], "heartbeat_id": heartbeat["uuid"]}
    until = f"{datetime.now(UTC) + timedelta(days=366):%Y-%m-%dT%H:%M:%SZ}"
    snoozed = OneHeartbeat.model_validate((await api.post("/heartbeat/snooze", **which, until=until)).json()).heartbeat
    assert (snoozed.snooze_until, snoozed.next_run_at) == (until, f"{year + 2}-01-01T00:00:00Z")
    awake = (await api.post("/heartbeat/unsnooze", **which)).json()["heartbeat"]
    assert (awake["snooze_until"], awake["next_run_at"]) == (None, heartbeat["next_run_at"])
    for wrong in ("2020-01-01T00:00:00Z", "soon", None):
        error = error_of(await api.post("/heartbeat/snooze", **which, until=wrong), 400)
        assert error["details"][0]["field"] == "until"
    start = f"{year + 1}-06-01T00:00:00Z"
    for fields in ({"ends_at": "2020-01-01T00:00:30Z"}, {"starts_at": start, "ends_at": bounds["starts_at"]}):
        body = {"bot_id": bot["id"], "uuid": heartbeat["uuid"], "prompt": "Check the queue.", **fields}
        error = error_of(await api.post("/heartbeat/configure", **body), 400)
        assert [detail["field"] for detail in error["details"]] == ["ends_at"]
    over = await api.heartbeat(bot, uuid=heartbeat["uuid"], starts_at=None, ends_at="2020-01-01T00:00:00Z")
    assert (over["starts_at"], over["next_run_at"], over["enabled"]) == (None, None, 1)


async def test_a_time_that_no_calendar_has_is_refused_by_field(api: Api) -> None:
    which = {"bot_id": (bot := await api.bot())["id"], "heartbeat_id": (await api.heartbeat(bot))["uuid"]}
    for time in ("0001-01-01T00:00:00+12:00", "9999-12-31T23:59:00-12:00", "9999-12-31T23:59:00Z"):
        held = await api.delete("/heartbeat/hold", **which, tick=time)
        snoozed = await api.post("/heartbeat/snooze", **which, until=time)
        on_hold = await api.post("/project/hold", reason="Moving.", until=time)
        fields = {"tick": held, "until": snoozed, " until": on_hold}
        for bound in ("starts_at", "ends_at"):
            for path in ("configure", "preview"):
                body = {"bot_id": bot["id"], "prompt": "Check the queue.", bound: time}
                fields[f"{bound}{' ' * len(path)}"] = await api.post(f"/heartbeat/{path}", **body)
        for field, answer in fields.items():
            assert [detail["field"] for detail in error_of(answer, 400)["details"]] == [field.strip()]


async def test_a_tick_is_held_and_let_run_after_all(api: Api) -> None:
    which = {"bot_id": (bot := await api.bot())["id"], "heartbeat_id": (await api.heartbeat(bot))["uuid"]}
    year = datetime.now(UTC).year + 1
    path, tick = "/heartbeat/hold", {"tick": f"{year}-01-01T01:00:00+01:00"}
    answers = [await api.post(path, **which, **tick), await api.get(path, **which)]
    for answer in answers:
        [held] = HeldTicks.model_validate(answer.json(), extra="forbid").held
        assert (held.tick, held.held_by) == (f"{year}-01-01T00:00:00Z", "the key key")
    assert (await api.delete(path, **which, **tick)).json() == {"held": []}
    for wrong in ("2020-01-01T00:00:00Z", f"{year}-01-01T00:01:00Z", f"{year}-01-01T00:00:00", "tomorrow"):
        answer = await api.post(path, **which, tick=wrong)
        assert (answer.status_code, answer.json()["code"]) in ((400, "invalid_parameters"), (409, "tick_passed"))
    task = {"name": "Once", "prompt": "Say so.", "schedule_type": "daily", "schedule_config": {"time": "09:00"}}
    uuid = (await api.post("/task/create", bot_id=bot["id"], **task)).json()["task"]["uuid"]
    next_run = (await api.get("/task/read", bot_id=bot["id"], task_id=uuid)).json()["task"]["next_run_at"]
    answer = await api.post(path, bot_id=bot["id"], heartbeat_id=uuid, tick=next_run)
    assert [held["tick"] for held in answer.json()["held"]] == [next_run]
