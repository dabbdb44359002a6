"""Whoever changes something is in the audit log: each call of the OpenAPI document that changes anything is made."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import Connection, update

from heartbeat.domain.secret_keys import new_key
from heartbeat.store.audit.verification import prove_chain
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.api import Api
from tests.support.audit_entries import recorded
from tests.support.databases import everything
from tests.support.generated_calls import NAMES, Call, calls, seeded, sent

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

CANARY = "canary7f3a91c2"
SOON = datetime.now(UTC) + timedelta(days=2)
# The next tick of a yearly heartbeat, which no end of a year comes near.
TICK = (datetime.now(UTC) + timedelta(days=31)).replace(day=15, hour=0, minute=0, second=0, microsecond=0)
YEARLY = f"0 0 15 {TICK.month} *"
NAME = {"name": "Renamed"}
SERVER = {"server_label": "other", "server_url": "https://desk.invalid/mcp", "headers": {"X-Key": CANARY}}

# What is recorded of a call, with the fields that it is made with beside those that it requires. In this order, for
# what is switched on was off before.
RECORDED: list[tuple[str, dict[str, Any], str]] = [
    ("PUT /v1/project/budget", {}, "project.update"),
    ("POST /v1/project/hold", {}, "project.hold"),
    ("POST /v1/project/release", {}, "project.release"),
    ("POST /v1/bot/create", {}, "bot.create"),
    ("PUT /v1/bot/update", NAME, "bot.update"),
    ("POST /v1/bot/reset", {}, "bot.reset"),
    ("POST /v1/bot/heartbeat/configure", {"prompt": "Something else."}, "heartbeat.create"),
    ("POST /v1/bot/heartbeat/disable", {}, "heartbeat.disable"),
    ("POST /v1/bot/heartbeat/enable", {}, "heartbeat.enable"),
    ("POST /v1/bot/heartbeat/snooze", {"until": SOON.isoformat()}, "heartbeat.snooze"),
    ("POST /v1/bot/heartbeat/unsnooze", {}, "heartbeat.unsnooze"),
    ("POST /v1/bot/heartbeat/hold", {"tick": TICK.isoformat()}, "tick.skip"),
    ("DELETE /v1/bot/heartbeat/hold", {"tick": TICK.isoformat()}, "tick.release"),
    ("POST /v1/bot/task/create", {}, "task.create"),
    ("POST /v1/bot/task/pause", {}, "task.disable"),
    ("POST /v1/bot/task/resume", {}, "task.enable"),
    ("POST /v1/bot/task/cancel", {}, "task.end"),
    ("POST /v1/bot/run/rate", {"liked": True}, "run.rate"),
    ("POST /v1/bot/approval/decide", {}, "approval.decide"),
    ("POST /v1/bot/finding/acknowledge", {}, "finding.update"),
    ("POST /v1/bot/finding/snooze", {}, "finding.update"),
    ("POST /v1/bot/finding/resolve", {}, "finding.update"),
    ("POST /v1/bot/notification/target/create", {"config": {"url": f"https://example.com/{CANARY}"}}, "target.create"),
    ("PUT /v1/bot/notification/target/update", NAME, "target.update"),
    ("DELETE /v1/bot/notification/target/delete", {}, "target.delete"),
    ("POST /v1/bot/tool", SERVER, "tool.create"),
    ("PUT /v1/bot/tool/{tool_id}", {"server_label": "renamed", "headers": {"X-Key": CANARY}}, "tool.update"),
    ("PUT /v1/bot/tool/{tool_id}/configure", {"tools": [{"name": "Mouse", "is_active": False}]}, "tool.switch"),
    ("POST /v1/bot/tool/{tool_id}/toggle", {"tool_name": "Mouse", "is_active": True}, "tool.switch"),
    ("DELETE /v1/bot/tool/{tool_id}", {}, "tool.delete"),
    ("POST /v1/bot/subscriber/create", {"email": f"{CANARY}@example.com"}, "subscriber.create"),
    ("DELETE /v1/bot/subscriber/delete", {}, "subscriber.delete"),
    ("DELETE /v1/bot/heartbeat/delete", {}, "heartbeat.delete"),
    ("DELETE /v1/bot/delete", {}, "bot.delete"),
    ("POST /v1/keys/create", {}, "key.create"),
    ("POST /v1/keys/rotate", {}, "key.rotate"),
    ("POST /v1/keys/revoke", {}, "key.revoke"),
]
NOT_RECORDED = {
    "POST /v1/bot/heartbeat/preview": "stores nothing",
    "POST /v1/bot/heartbeat/trigger": "a run has its own log, which says who started and who cancelled it",
    "POST /v1/bot/heartbeat/cancel": "a run has its own log, which says who started and who cancelled it",
    "POST /v1/bot/run/replay": "a run has its own log, which says who started and who cancelled it",
    "POST /v1/bot/notification/test": "sends a message and stores nothing, but what the receiver says has changed",
    "POST /v1/bot/tool/{tool_id}/test": "asks a server and stores nothing",
    "POST /v1/bot/tool/{tool_id}/refresh": "with a real server, in test_tool_sign_in.py",
    "POST /v1/bot/tool/{tool_id}/connect": "with a real server, in test_tool_sign_in.py",
}


@pytest.mark.parametrize("shared_database", ["sqlite"], indirect=True)
def test_it_is_known_of_each_call_what_is_recorded(shared_app: FastAPI, database_url: str) -> None:
    changing = {f"{call.method} {call.path}" for call in calls(shared_app.openapi()) if call.method != "GET"}
    assert changing == {operation for operation, *_ in RECORDED} | NOT_RECORDED.keys()


async def test_each_change_is_recorded_with_whoever_made_it_and_without_secrets(alone: Api) -> None:
    alone.settings.secret_keys = SecretStr(new_key())
    known = {f"{call.method} {call.path}": call for call in calls(alone.app.openapi())}
    ids = await alone.database.write(_all_in_reach, alone)
    for operation, fields, action in RECORDED:
        before = len(await recorded(alone.database, alone.project.id))
        answer = await sent(alone, known[operation], _fields(known[operation], ids) | _of(alone) | fields)
        new = (await recorded(alone.database, alone.project.id))[before:]
        assert answer.status_code == 200, (operation, answer.text)
        assert action in [entry.action for entry in new], operation
        assert {(entry.actor_kind, entry.actor_name, entry.address) for entry in new} == {("key", "key", "127.0.0.1")}
    proof = await alone.database.read(prove_chain, alone.project.id)
    assert (proof.problem, proof.number >= len(RECORDED)) == ("", True)
    entries = str([vars(entry) for entry in await recorded(alone.database, alone.project.id)])
    assert "'changed'" in entries
    assert CANARY not in entries
    assert CANARY.encode() in everything(alone.database)


def _of(api: Api) -> dict[str, Any]:
    return {"project_id": api.project.uuid}


def _fields(call: Call, ids: dict[str, str]) -> dict[str, Any]:
    named = {"heartbeat_id", "task_id", "target_id", "tool_id"} & call.names if "create" not in call.path else set()
    return call.usual(ids) | {name: ids[NAMES[name]] for name in named}


def _all_in_reach(connection: Connection, api: Api) -> dict[str, str]:
    """One of everything, of which nothing is due before the ticks that are named here."""
    ids = seeded(connection, api.project, "Mouse")
    beats = columns(Heartbeat)
    yearly = {"cron_pattern": YEARLY, "timezone": "UTC"}
    connection.execute(update(beats).where(beats.c.uuid == ids["heartbeat"]).values(yearly))
    return ids
