"""Every call, for whoever has no business there: no key, an unknown one, a revoked one, another project's."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Connection

from heartbeat.store.projects.keys import keys, revoke_key
from heartbeat.store.projects.projects import create_key
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.api import Api, address, error_of, owner
from tests.support.published_calls import CALLS
from tests.support.rows import every_row
from tests.support.seeds import NOW, a_bot, a_heartbeat

OF_A_TARGET = ("/notification/target/update", "/notification/target/delete", "/notification/test")
OF_THE_PROJECT = (
    *("/create", "/readall", "/project/credits", "/project/budget", "/project/hold", "/project/release"),
    *("/keys/create", "/keys/readall", "/keys/rotate", "/keys/revoke", "/audit/readall"),
    *OF_A_TARGET,
)
FULL = {
    "prompt": "Check",
    "tick": "2036-11-28T09:00:00Z",
    "name": "A name",
    "member_id": "mem_1",
    "server_label": "Tools",
    "server_url": "https://tools.example.com/mcp",
    "transport": "http",
    "tool_name": "search",
    "run_id": "log_1",
    "is_active": True,
    "tools": [],
    "task_id": "task_1",
    "approval_id": "apr_1",
    "decision": "approve",
    "rating": "up",
    "finding_id": "fnd_1",
    "key_id": "key_1",
    "preset": "viewer",
    "minutes": 60,
    "target_id": "tgt_1",
    "channel": "email",
    "config": {"to": "desk@example.com", "sender": "heartbeat@example.com", "host": "mail.example.com"},
    "schedule_type": "daily",
    "schedule_config": {"time": "09:00"},
}


@pytest.fixture
async def outsider(shared_app: FastAPI) -> AsyncIterator[Api]:
    async with owner(shared_app) as api:
        yield api


@pytest.fixture
async def ids(api: Api) -> dict:
    """A body that is right for every call, about things that are there."""

    # Straight into the store: hundreds of schedules would keep Temporal busy.
    def seed(connection: Connection) -> tuple[Bot, Heartbeat]:
        bot = a_bot(connection, api.project)
        return bot, a_heartbeat(connection, bot)

    bot, heartbeat = await api.database.write(seed)
    return {**FULL, "bot_id": bot.uuid, "heartbeat_id": heartbeat.uuid}


async def in_any_place(api: Api, method: str, path: str, ids: dict) -> httpx.Response:
    """The parameters in the query and in the body, wherever the call reads them."""
    # In a query it is a day.
    until = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    body = None if method in ("GET", "DELETE") else {"project_id": api.project.uuid, "until": until, **ids}
    query = {"project_id": api.project.uuid, **{name: it for name, it in ids.items() if isinstance(it, str)}}
    headers = {"authorization": f"Bearer {api.key}"} if api.key else {}
    return await api.http.request(method, address(path), params=query, json=body, headers=headers)


def test_the_table_holds_every_call(shared_app: FastAPI) -> None:
    documented = {
        (method.upper(), path.replace("{tool_id}", "tool_1"))
        for path, calls in shared_app.openapi()["paths"].items()
        if path.startswith("/v1/")
        for method in calls
    }
    assert documented == {(method, address(path)) for method, path in CALLS}


async def test_no_key_and_an_unknown_key_are_turned_away(api: Api, ids: dict) -> None:
    with every_row() as row:
        for method, path in CALLS:
            for key in ("", "hbk_unknown"):
                with row(method, path, key):
                    answer = await in_any_place(api.as_caller(key), method, path, ids)
                    assert error_of(answer, 401)["code"] == "unauthorized"
                    assert answer.headers["www-authenticate"] == "Bearer"


async def test_another_projects_key_learns_nothing(api: Api, outsider: Api, ids: dict) -> None:
    nothing = {**ids, "bot_id": "bot_no", "heartbeat_id": "hb_no"}
    with every_row() as row:
        for method, path in CALLS:
            with row(method, path):
                existing = await in_any_place(api.as_caller(outsider.key), method, path, ids)
                missing = await in_any_place(api.as_caller(outsider.key), method, path, nothing)
                assert error_of(existing, 403)["code"] == "wrong_project"
                assert missing.json() == existing.json()


async def test_what_is_wrong_with_a_request_is_told_to_those_with_the_key_alone(api: Api, outsider: Api) -> None:
    wrong = {"page": "0", "days": "x", "prompt": "", "bot_id": ""}
    with every_row() as row:
        for method, path in CALLS:
            with row(method, path):
                assert error_of(await in_any_place(api.as_caller(""), method, path, wrong), 401)
                assert error_of(await in_any_place(api.as_caller(outsider.key), method, path, wrong), 403)


async def test_a_bot_of_another_project_is_not_there(api: Api, outsider: Api, ids: dict) -> None:
    with every_row() as row:
        for method, path in [call for call in CALLS if call[1] not in OF_THE_PROJECT]:
            with row(method, path):
                answer = await in_any_place(outsider, method, path, ids)
                assert error_of(answer, 404)["code"] == "bot_not_found"


@pytest.mark.parametrize("path", OF_A_TARGET)
async def test_a_target_of_another_project_is_not_there(api: Api, outsider: Api, ids: dict, path: str) -> None:
    created = (await api.post("/notification/target/create", **{**ids, "heartbeat_id": None, "member_id": None})).json()
    method = {"update": "PUT", "delete": "DELETE"}.get(path.rpartition("/")[2], "POST")
    answer = await in_any_place(outsider, method, path, {**ids, "target_id": created["target"]["id"]})
    assert error_of(answer, 404)["code"] == "target_not_found"


async def test_a_revoked_key_opens_nothing(api: Api) -> None:
    second = await api.database.write(create_key, api.project, "second", NOW)
    caller = api.as_caller(second.secret)
    assert (await caller.get("/readall")).status_code == 200
    await api.database.write(revoke_key, api.project, second.uuid, NOW)
    assert error_of(await caller.get("/readall"), 401)
    assert len(await api.database.read(keys, api.project)) == 2
    assert (await api.get("/readall")).status_code == 200


@pytest.mark.parametrize("authorization", ["KEY", "Basic KEY", "Bearer", "Bearer ", "bearer KEY", "Bearer  KEY"])
async def test_how_the_key_is_sent(api: Api, authorization: str) -> None:
    headers = {"authorization": authorization.replace("KEY", api.key)}
    answer = await api.http.get(f"/v1/bot/readall?project_id={api.project.uuid}", headers=headers)
    right = authorization.lower().startswith("bearer ") and "KEY" in authorization
    assert answer.status_code == (200 if right else 401)


async def test_nobody_deletes_what_is_not_theirs(api: Api, outsider: Api, ids: dict) -> None:
    for path in ("/heartbeat/delete", "/delete"):
        which = {"bot_id": ids["bot_id"], "heartbeat_id": ids["heartbeat_id"]}
        assert (await outsider.delete(path, **which)).status_code == 404
    assert len((await api.get("/heartbeat/readall", bot_id=ids["bot_id"])).json()["heartbeats"]) == 1
