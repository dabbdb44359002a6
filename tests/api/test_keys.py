"""Keys over the API: made and shown once, listed, rotated, revoked; with an end, and for some bots alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from heartbeat.domain.key_secrets import checksum
from heartbeat.store.projects.projects import KEY
from tests.support.api import Api, error_of, wrong_fields
from tests.support.patience import until

EVERYTHING_IT_HOLDS = {"id", "name", "begins", "state", "preset", "scopes", "bot_ids", "created_at", "expires_at"} | {
    *("replaced_at", "revoked_at", "last_used_at", "last_used_from", "requests_per_minute")
}


async def made(api: Api, **fields: Any) -> dict[str, Any]:
    answer = await api.post("/keys/create", **{"name": "Export", "preset": "viewer", **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()["key"]


async def works(api: Api, secret: str) -> bool:
    status = (await api.as_caller(secret).get("/readall")).status_code
    assert status in (200, 401)
    return status == 200


async def at(api: Api, key: dict[str, Any], **values: Any) -> None:
    await api.database.write(lambda c: c.execute(update(KEY).where(KEY.c.uuid == key["id"]).values(values)))


async def test_a_key_is_shown_once_and_may_do_what_it_was_made_for(api: Api) -> None:
    key = await made(api)
    secret = key.pop("secret")
    assert secret.startswith("hbk_")
    assert secret.endswith(checksum(secret[4:-6]))
    assert set(key) == EVERYTHING_IT_HOLDS
    assert (key["preset"], key["scopes"], key["bot_ids"], key["begins"]) == ("viewer", ["read"], None, secret[:8])
    assert await works(api, secret)
    refused = error_of(await api.as_caller(secret).post("/create", name="Desk"), 403)
    assert (refused["code"], "`write`" in refused["message"]) == ("missing_scope", True)
    listed = (await api.get("/keys/readall")).json()
    assert [one["id"] for one in listed["keys"]][1:] == [key["id"]]
    assert secret not in str(listed)
    kept = await api.database.read(lambda c: c.execute(select(KEY).where(KEY.c.uuid == key["id"])).one())
    assert not [value for value in kept if secret in str(value)]


@pytest.mark.parametrize("name", ["bots", "bot_id", "expires_in_days", "Expires_at"])
async def test_a_limit_under_another_name_is_refused(api: Api, name: str) -> None:
    answer = await api.post("/keys/create", name="Export", preset="admin", **{name: 1})
    assert wrong_fields(answer) == [name]
    key = await made(api)
    assert wrong_fields(await api.post("/keys/rotate", key_id=key["id"], grace=0)) == ["grace"]


async def test_its_last_use_is_listed_with_its_address(api: Api) -> None:
    key = await made(api)
    assert await works(api, key["secret"])

    async def listed() -> list[Any]:
        keys = (await api.get("/keys/readall")).json()["keys"]
        return [one[name] for one in keys if one["id"] == key["id"] for name in ("last_used_at", "last_used_from")]

    when, address = await until(listed, lambda found: None not in found)
    assert (when[:4].isdigit(), address) == (True, "127.0.0.1")


async def test_a_key_may_end_by_itself(api: Api) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    key = await made(api, expires_at=soon.isoformat())
    assert await works(api, key["secret"])
    await at(api, key, expires_at=datetime.now(UTC))
    assert not await works(api, key["secret"])
    states = {one["id"]: one["state"] for one in (await api.get("/keys/readall")).json()["keys"]}
    assert states[key["id"]] == "expired"
    assert wrong_fields(await api.post("/keys/create", name="x", preset="viewer", expires_at="2020-01-01T00:00:00Z"))
    assert error_of(await api.post("/keys/rotate", key_id=key["id"]), 409)["code"] == "key_over"


@pytest.mark.parametrize(
    "written",
    [
        "2099-01-01T00:00:00",
        "2099-01-01",
        "soon",
        "2099-13-01T00:00:00Z",
        True,
        4070908800,
        "4070908800",
        "4070908.8e3",
    ],
)
async def test_an_end_is_a_time_with_its_offset(api: Api, written: Any) -> None:
    refused = error_of(await api.post("/keys/create", name="x", preset="viewer", expires_at=written), 400)
    assert refused["message"] == "expires_at: must be a time with its offset, such as 2026-11-30T09:00:00Z"


async def test_a_rotated_key_goes_on_for_a_while(api: Api) -> None:
    old = await made(api, scopes=["run", "read"], preset=None)
    answer = (await api.post("/keys/rotate", key_id=old["id"], grace_hours=2)).json()
    new, replaced = answer["key"], answer["replaces"]
    assert (new["name"], new["scopes"], new["preset"], new["expires_at"]) == ("Export", ["read", "run"], None, None)
    ends = datetime.fromisoformat(replaced["expires_at"]) - datetime.fromisoformat(replaced["replaced_at"])
    assert (replaced["id"], ends) == (old["id"], timedelta(hours=2))
    assert [await works(api, one["secret"]) for one in (old, new)] == [True, True]
    assert error_of(await api.post("/keys/rotate", key_id=old["id"]), 409)["code"] == "key_over"
    assert (await api.post("/keys/rotate", key_id=new["id"], grace_hours=0)).status_code == 200
    assert not await works(api, new["secret"])


async def test_a_new_key_lasts_as_long_as_the_one_before_was_to(api: Api) -> None:
    old = await made(api, expires_at=(datetime.now(UTC) + timedelta(days=30)).isoformat())
    new = (await api.post("/keys/rotate", key_id=old["id"])).json()["key"]
    lasts = [
        datetime.fromisoformat(one["expires_at"]) - datetime.fromisoformat(one["created_at"]) for one in (old, new)
    ]
    assert abs(lasts[0] - lasts[1]) <= timedelta(seconds=1)


async def test_a_revoked_key_opens_nothing(api: Api) -> None:
    key = await made(api, preset="admin")
    answers = [await api.post("/keys/revoke", key_id=key["id"]) for _ in range(2)]
    assert {answer.json()["key"]["state"] for answer in answers} == {"revoked"}
    assert answers[0].json() == answers[1].json()
    assert not await works(api, key["secret"])
    for call in ("revoke", "rotate"):
        assert error_of(await api.post(f"/keys/{call}", key_id="key_x\x01"), 404)["code"] == "key_not_found"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, ["scopes"]),
        ({"preset": "viewer", "scopes": ["read"]}, ["scopes"]),
        ({"scopes": []}, ["scopes"]),
        ({"preset": "owner"}, ["preset"]),
        ({"scopes": ["all"]}, ["scopes.0"]),
        ({"preset": "viewer", "name": " "}, ["name"]),
        ({"preset": "viewer", "bot_ids": []}, ["bot_ids"]),
    ],
)
async def test_what_is_wrong_with_a_new_key_is_said(api: Api, fields: dict[str, Any], wrong: list[str]) -> None:
    assert wrong_fields(await api.post("/keys/create", **{"name": "x", **fields})) == wrong


async def test_a_key_of_some_bots_knows_no_other_and_nothing_of_the_project(api: Api) -> None:
    mine, other = await api.bot(name="Mine"), await api.bot(name="Other")
    heartbeat = await api.heartbeat(other)
    key = await made(api, preset="editor", bot_ids=[mine["id"]])
    assert key["bot_ids"] == [mine["id"]]
    caller = api.as_caller(key["secret"])
    assert (await caller.get("/read", bot_id=mine["id"])).json()["bot"]["name"] == "Mine"
    there, nowhere = [await caller.get("/read", bot_id=bot) for bot in (other["id"], "bot_x")]
    assert there.text.replace(other["id"], "bot_x") == nowhere.text
    assert there.status_code == nowhere.status_code == 404
    call = {"bot_id": other["id"], "heartbeat_id": heartbeat["uuid"]}
    assert error_of(await caller.post("/heartbeat/enable", **call), 404)["code"] == "bot_not_found"
    for path in ("/readall", "/project/runs", "/project/credits", "/notification/readall"):
        assert error_of(await caller.get(path), 403)["code"] == "bots_only", path
    assert error_of(await caller.post("/create", name="x", bot_id=mine["id"]), 403)["code"] == "bots_only"
    assert wrong_fields(await caller.post("/heartbeat/enable", bot_id=mine["id"])) == ["heartbeat_id"]
    unknown = await api.post("/keys/create", name="x", preset="viewer", bot_ids=["bot_x"])
    assert error_of(unknown, 404)["code"] == "bot_not_found"


async def test_an_answer_is_kept_neither_with_a_key_in_it_nor_for_a_key_that_may_do_less(api: Api) -> None:
    for call, fields in (("create", {"name": "x", "preset": "viewer"}), ("rotate", {"key_id": "key_x"})):
        answer = await api.call("POST", f"/keys/{call}", fields, idempotency_key=call)
        assert wrong_fields(answer) == ["Idempotency-Key"]
    assert (await api.call("POST", "/create", {"name": "Desk"}, idempotency_key="two")).status_code == 200
    viewer = api.as_caller((await made(api))["secret"])
    again = await viewer.call("POST", "/create", {"name": "Desk"}, idempotency_key="two")
    assert error_of(again, 409)["code"] == "idempotency_key_reused"
    refused = await viewer.call("POST", "/create", {"name": "Desk"}, idempotency_key="three")
    assert error_of(refused, 403)["code"] == "missing_scope"
