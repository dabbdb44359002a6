"""Targets, notifications and findings over HTTP."""

import asyncio
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection

from heartbeat.cli.secrets import rotate_secrets
from heartbeat.domain.secret_keys import new_key
from heartbeat.store.notifications.findings import record_findings
from tests.support.api import Api, error_of, owner, wrong_fields
from tests.support.channel_configs import set_up
from tests.support.notified_owner import fail
from tests.support.receiver import Receiver, says
from tests.support.seeds import NOW
from tests.support.store_world import SECRET


async def create(api: Api, url: str, **fields: Any) -> dict[str, Any]:
    config = {"url": url, "secret": SECRET}
    answer = await api.post("/notification/target/create", **{"channel": "webhook", "config": config, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_target_shows_what_may_be_shown(ours: Api, receiver: Receiver) -> None:
    bot = await ours.bot()
    created = await create(ours, receiver.url, bot_id=bot["id"], events=["run.failed"], cooldown_seconds="60")
    target = created["target"]
    assert (target["bot_id"], target["channel"], target["name"]) == (bot["id"], "webhook", "webhook")
    assert (target["events"], target["cooldown_seconds"], target["is_enabled"]) == (["run.failed"], 60, True)
    listed = (await ours.get("/notification/target/readall")).json()
    assert (listed["targets"], listed["total"], created["made_up"]) == ([target], 1, {})
    assert SECRET not in str(listed) + str(created)
    stored = await ours.database.read(lambda c: str(list(c.exec_driver_sql("SELECT * FROM target"))))
    assert SECRET not in stored


async def test_the_query_of_an_address_is_a_secret(ours: Api, receiver: Receiver) -> None:
    whole = f"{receiver.url}?token=canary-of-the-query"
    target = (await create(ours, whole))["target"]
    assert target["config"] == {"url": receiver.url}
    # As a client sends back what it was shown.
    changed = await ours.put("/notification/target/update", target_id=target["id"], config=target["config"])
    assert changed.json()["target"]["config"] == target["config"]
    assert (await ours.post("/notification/test", target_id=target["id"])).json()["success"]
    assert receiver.received[0].path.endswith("?token=canary-of-the-query")
    stored = await ours.database.read(lambda c: str(list(c.exec_driver_sql("SELECT * FROM target"))))
    assert "canary-of-the-query" not in stored


async def test_a_secret_that_was_made_up_is_shown_once(ours: Api, receiver: Receiver) -> None:
    created = await create(ours, receiver.url, config={"url": receiver.url})
    assert created["made_up"]["secret"].startswith("whsec_")
    fields = {"channel": "webhook", "config": {"url": receiver.url}}
    refusal = await ours.call("POST", "/notification/target/create", fields, idempotency_key="once")
    assert "Idempotency-Key" in error_of(refusal, 400)["message"]


async def test_an_update_changes_what_is_given_and_keeps_the_secret(ours: Api, receiver: Receiver) -> None:
    target = (await create(ours, "http://127.0.0.1:9/"))["target"]
    changes = {"target_id": target["id"], "config": {"url": receiver.url}, "name": "On call", "events": ["run.failed"]}
    changed = (await ours.put("/notification/target/update", **changes)).json()["target"]
    assert (changed["name"], changed["events"], changed["is_enabled"]) == ("On call", ["run.failed"], True)
    tried = (await ours.post("/notification/test", target_id=target["id"])).json()
    assert tried == {"success": True, "message": "webhook took the message."}
    assert receiver.received[0].json["type"] == "test"
    again = (await ours.put("/notification/target/update", target_id=target["id"], events=None)).json()["target"]
    assert (again["events"], again["name"]) == (None, "On call")


async def test_a_test_message_says_what_stood_in_the_way(ours: Api, receiver: Receiver) -> None:
    target = (await create(ours, receiver.url))["target"]
    receiver.answer = says("403 Forbidden", "not you")
    tried = (await ours.post("/notification/test", target_id=target["id"])).json()
    assert tried["success"] is False
    assert "403 Forbidden: not you" in tried["message"]
    assert (await ours.get("/notification/readall")).json()["total"] == 0


async def test_a_test_message_finds_a_chat_that_moved(ours: Api, receiver: Receiver) -> None:
    config = set_up("telegram", receiver) | {"chat_id": -4455667788, "message_thread_id": ""}
    target = (await create(ours, receiver.url, channel="telegram", config=config))["target"]
    assert (target["config"]["chat_id"], "message_thread_id" in target["config"]) == ("-4455667788", False)
    receiver.answers = [says("400 Bad Request", '{"parameters": {"migrate_to_chat_id": -1001557912345}}')]
    tried = (await ours.post("/notification/test", target_id=target["id"])).json()
    assert tried["success"] is True
    assert tried["message"].endswith("The target has another address now: chat_id -1001557912345.")
    [shown] = (await ours.get("/notification/target/readall")).json()["targets"]
    assert shown["config"]["chat_id"] == "-1001557912345"


async def test_enabling_a_target_forgets_why_it_was_disabled(ours: Api, receiver: Receiver) -> None:
    target = (await create(ours, receiver.url))["target"]
    await ours.database.write(
        lambda c: c.exec_driver_sql("UPDATE target SET is_enabled = false, disabled_reason = 'It said 410.'")
    )
    [shown] = (await ours.get("/notification/target/readall")).json()["targets"]
    assert (shown["is_enabled"], shown["disabled_reason"]) == (False, "It said 410.")
    changed = await ours.put("/notification/target/update", target_id=target["id"], is_enabled=True)
    assert changed.json()["target"]["disabled_reason"] is None


async def test_notifications_are_listed_with_what_became_of_them(ours: Api, receiver: Receiver) -> None:
    bot, other = await ours.bot(), await ours.bot()
    target = (await create(ours, receiver.url))["target"]
    heartbeat = await fail(ours, bot)
    listed = (await ours.get("/notification/readall", bot_id=bot["id"], status="pending")).json()
    [notification] = listed["notifications"]
    assert (notification["status"], notification["last_error"], notification["summary_id"]) == ("pending", None, None)
    assert (notification["attempts"], notification["lost_attempts"]) == (0, 0)
    assert notification["target"] == {"id": target["id"], "channel": "webhook", "name": "webhook"}
    event = notification["event"]
    assert (event["kind"], event["heartbeat_id"], event["bot_id"]) == ("run.failed", heartbeat["uuid"], bot["id"])
    assert event["data"]["message"] == "No key."
    for nothing in (
        {"bot_id": other["id"]},
        {"status": "delivered"},
        {"kind": "run.finding"},
        {"target_id": "tgt_other\0"},
    ):
        assert (await ours.get("/notification/readall", **nothing)).json()["total"] == 0, nothing


async def test_a_deleted_target_is_gone_and_its_secret_too(ours: Api, receiver: Receiver) -> None:
    target = (await create(ours, receiver.url))["target"]
    await fail(ours, await ours.bot())
    assert (await ours.delete("/notification/target/delete", target_id=target["id"])).status_code == 200
    assert (await ours.get("/notification/target/readall")).json()["total"] == 0
    assert (await ours.get("/notification/readall")).json()["total"] == 1
    error_of(await ours.delete("/notification/target/delete", target_id=target["id"]), 404)
    sealed = "SELECT sealed_config FROM target"
    assert await ours.database.read(lambda c: c.exec_driver_sql(sealed).scalar()) is None


async def test_a_target_of_a_heartbeat_and_of_a_member(ours: Api, receiver: Receiver) -> None:
    bot = await ours.bot()
    heartbeat, member = await ours.heartbeat(bot), await ours.member(bot)
    whose = {"bot_id": bot["id"], "heartbeat_id": heartbeat["uuid"], "member_id": member["id"]}
    target = (await create(ours, receiver.url, **whose))["target"]
    assert {name: target[name] for name in whose} == whose


async def test_with_a_bot_a_heartbeat_or_a_subscriber_its_targets_are_forgotten(ours: Api, receiver: Receiver) -> None:
    bot = await ours.bot()
    heartbeat, member = await ours.heartbeat(bot), await ours.member(bot)
    whose = {"bot_id": bot["id"]}
    mine = [{"heartbeat_id": heartbeat["uuid"]}, {"member_id": member["id"]}, {}]
    uuids = [(await create(ours, receiver.url, **whose, **more))["target"]["id"] for more in mine]
    project = (await create(ours, receiver.url))["target"]["id"]

    async def left() -> list[str]:
        return [one["id"] for one in (await ours.get("/notification/target/readall")).json()["targets"]]

    await ours.delete("/heartbeat/delete", heartbeat_id=heartbeat["uuid"], **whose)
    assert await left() == [uuids[1], uuids[2], project]
    assert (await ours.delete("/subscriber/delete", member_id=member["id"], **whose)).status_code == 200
    assert await left() == [uuids[2], project]
    await ours.delete("/delete", **whose)
    assert await left() == [project]
    error_of(await ours.post("/notification/test", target_id=uuids[2]), 404)
    count = "SELECT count(*) FROM target WHERE sealed_config IS NOT NULL"
    assert await ours.database.read(lambda c: c.exec_driver_sql(count).scalar()) == 1


async def test_a_subscribers_target_wants_what_it_can_be_told(ours: Api, receiver: Receiver) -> None:
    bot = await ours.bot()
    whose = {"bot_id": bot["id"], "member_id": (await ours.member(bot))["id"]}
    fields = {"channel": "webhook", "config": {"url": receiver.url, "secret": SECRET}, **whose}
    assert wrong_fields(await ours.post("/notification/target/create", events=["run.failed"], **fields)) == ["events"]
    target = (await create(ours, receiver.url, events=["user.notified", "run.failed"], **whose))["target"]
    about = {"target_id": target["id"]}
    assert wrong_fields(await ours.put("/notification/target/update", events=["run.failed"], **about)) == ["events"]
    assert (await ours.put("/notification/target/update", events=None, **about)).status_code == 200
    assert (await ours.put("/notification/target/update", name="Ada", **about)).status_code == 200


async def test_what_is_wrong_with_a_target_is_said(ours: Api, receiver: Receiver) -> None:
    async def wrong(**fields: Any) -> list[str]:
        config = {"url": receiver.url, "secret": SECRET}
        answer = await ours.post("/notification/target/create", **{"channel": "webhook", "config": config, **fields})
        return wrong_fields(answer)

    assert await wrong(channel="pigeon") == ["channel"]
    assert await wrong(config={}) == ["config.url"]
    assert await wrong(config={"url": "http://169.254.169.254/"}) == ["config.url"]
    assert await wrong(heartbeat_id="hb_1") == ["bot_id"]
    assert (await wrong(events=["run.started"]))[0].startswith("events")
    assert await wrong(cooldown_seconds=-1) == ["cooldown_seconds"]
    assert (await ours.get("/notification/target/readall")).json()["total"] == 0


async def test_strangers_see_and_change_nothing(ours: Api, receiver: Receiver) -> None:
    target = (await create(ours, receiver.url))["target"]
    async with owner(ours.app) as stranger:
        assert (await stranger.get("/notification/target/readall")).json()["total"] == 0
        assert (await stranger.get("/notification/readall")).json()["total"] == 0
        error_of(await stranger.put("/notification/target/update", target_id=target["id"], name="Mine"), 404)
        error_of(await stranger.post("/notification/test", target_id=target["id"]), 404)
        error_of(await stranger.delete("/notification/target/delete", target_id=target["id"]), 404)
    unknown = ours.as_caller("hbk_wrong")
    error_of(await unknown.post("/notification/test", target_id=target["id"]), 401)
    error_of(await unknown.get("/finding/readall", bot_id="bot_1"), 401)
    assert receiver.received == []


async def test_findings_are_listed_and_marked(ours: Api) -> None:
    bot = await ours.bot()
    heartbeat = await ours.heartbeat(bot)
    row = await ours.row(heartbeat)

    def found(connection: Connection) -> None:
        finding = {"title": "Disk is full", "severity": "critical", "fingerprint": "disk", "detail": "98 %"}
        record_findings(connection, row, {"outcome": "ok", "findings": [finding]}, True, NOW)

    await ours.database.write(found)
    [shown] = (await ours.get("/finding/readall", bot_id=bot["id"], heartbeat_id=heartbeat["uuid"])).json()["findings"]
    assert (shown["title"], shown["state"], shown["heartbeat_id"]) == ("Disk is full", "open", heartbeat["uuid"])
    about = {"bot_id": bot["id"], "finding_id": shown["id"]}
    for verb, state in (("acknowledge", "acknowledged"), ("resolve", "resolved")):
        assert (await ours.post(f"/finding/{verb}", **about)).json()["finding"]["state"] == state
    snoozed = (await ours.post("/finding/snooze", minutes=60, **about)).json()["finding"]
    assert (snoozed["state"], snoozed["resolved_at"]) == ("snoozed", None)
    assert snoozed["snoozed_until"] is not None
    assert wrong_fields(await ours.post("/finding/snooze", **about)) == ["minutes"]
    assert (await ours.get("/finding/readall", bot_id=bot["id"], state="open")).json()["total"] == 0
    other = await ours.bot()
    error_of(await ours.post("/finding/resolve", bot_id=other["id"], finding_id=shown["id"]), 404)


async def test_rotated_secrets_still_open(ours: Api, receiver: Receiver) -> None:
    target = (await create(ours, receiver.url))["target"]
    old = ours.settings
    assert old.secret_keys is not None
    fresh = old.model_copy(update={"secret_keys": SecretStr(f"{new_key()},{old.secret_keys.get_secret_value()}")})
    assert await asyncio.to_thread(rotate_secrets, fresh) == 0
    alone_now = old.model_copy(update={"secret_keys": SecretStr(fresh.secret_keys.get_secret_value().split(",")[0])})
    object.__setattr__(ours.app.state.stack, "settings", alone_now)
    assert (await ours.post("/notification/test", target_id=target["id"])).json()["success"] is True
