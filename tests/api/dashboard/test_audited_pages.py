"""Whoever changes something on a page is in the audit log: each form and button that changes anything is sent."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection

from api.operations import OPERATIONS
from heartbeat.domain.secret_keys import new_key
from heartbeat.settings import Settings
from heartbeat.store.audit.verification import prove_chain
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.projects.projects import create_key
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.projects import DashboardSession
from heartbeat.store.tables.users import User
from heartbeat.store.users.invitations import invite
from tests.support import pending_rows as rows
from tests.support.audit_entries import recorded
from tests.support.dashboard import SITE, Browser, Owner, a_run
from tests.support.heartbeat_form import fields_of
from tests.support.people import PASSWORD, a_member, signed_up
from tests.support.seeds import a_bot, a_heartbeat
from tests.support.tool_server import ToolServer

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# The next tick of a yearly heartbeat, which no end of a year comes near.
TICK = (datetime.now(UTC) + timedelta(days=31)).replace(day=15, hour=0, minute=0, second=0, microsecond=0)
SOON = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
TOOL, SESSION = columns(Tool), columns(DashboardSession)
SPOKEN = {"transport": "http", "keep_headers": "keep"}
SURE = {"sure": "yes"}
TARGET = {"name": "Team", "every": "on", "cooldown_seconds": "0", "cooldown_unit": "60"}
WEBHOOK = {"config.url": "https://example.com/in"}

# What is recorded of a form, of which of the rows below it is sent, and with which fields. In this order, for what is
# switched on was off before.
RECORDED: list[tuple[str, str, dict[str, str], str]] = [
    ("POST /heartbeats/{uuid}/disable", "beat", {}, "heartbeat.disable"),
    ("POST /heartbeats/{uuid}/enable", "beat", {}, "heartbeat.enable"),
    ("POST /selected/heartbeats/disable", "beat", {}, "heartbeat.disable"),
    ("POST /selected/heartbeats/enable", "beat", {}, "heartbeat.enable"),
    ("POST /heartbeats/{uuid}/snooze", "beat", {"for": "day"}, "heartbeat.snooze"),
    ("POST /heartbeats/{uuid}/snooze", "beat", {"for": "none"}, "heartbeat.unsnooze"),
    ("POST /heartbeats/{uuid}/skip", "beat", {"hold": TICK.isoformat()}, "tick.skip"),
    ("POST /heartbeats/{uuid}/skip", "beat", {"release": TICK.isoformat()}, "tick.release"),
    ("POST /upcoming", "beat", {"hold": "{uuid} " + TICK.isoformat()}, "tick.skip"),
    ("POST /upcoming", "beat", {"release": "{uuid} " + TICK.isoformat()}, "tick.release"),
    ("POST /heartbeats/new", "", {"do": "save"}, "heartbeat.create"),
    ("POST /heartbeats/{uuid}/edit", "beat", {"do": "save"}, "heartbeat.update"),
    ("POST /heartbeats/{uuid}/delete", "beat", {}, "heartbeat.delete"),
    ("POST /selected/heartbeats/delete", "beat 2", SURE, "heartbeat.delete"),
    ("POST /tasks/{uuid}/pause", "task", {}, "task.disable"),
    ("POST /tasks/{uuid}/resume", "task", {}, "task.enable"),
    ("POST /selected/tasks/pause", "task", {}, "task.disable"),
    ("POST /selected/tasks/resume", "task", {}, "task.enable"),
    ("POST /tasks/{uuid}/cancel", "task", {}, "task.end"),
    ("POST /selected/tasks/cancel", "task 2", SURE, "task.end"),
    ("POST /runs/{uuid}/rate", "run", {"rating": "up"}, "run.rate"),
    ("POST /approvals/{uuid}/decide", "approval", {"decision": "approve"}, "approval.decide"),
    ("POST /findings/{uuid}", "finding", {"say": "day"}, "finding.update"),
    ("POST /bots/new", "", {"name": "New", "heartbeat": "1", "status": "1"}, "bot.create"),
    ("POST /bots/{uuid}/edit", "bot", {"name": "Renamed", "heartbeat": "1", "status": "1"}, "bot.update"),
    ("POST /bots/{uuid}/heartbeat", "bot", {"on": "0"}, "bot.update"),
    ("POST /selected/bots/on", "bot", {}, "bot.update"),
    ("POST /selected/bots/off", "bot", {}, "bot.update"),
    ("POST /bots/{uuid}/reset", "bot", {}, "bot.reset"),
    ("POST /bots/{uuid}/delete", "bot", {}, "bot.delete"),
    ("POST /selected/bots/delete", "bot 2", SURE, "bot.delete"),
    ("POST /subscribers/new", "", {"bot_id": "{owner}", "name": "Ada"}, "subscriber.create"),
    ("POST /subscribers/{uuid}/forget", "subscriber", {}, "subscriber.forget"),
    ("POST /selected/subscribers/forget", "subscriber 2", SURE, "subscriber.forget"),
    ("POST /subscribers/{uuid}/delete", "subscriber", {}, "subscriber.delete"),
    ("POST /selected/subscribers/delete", "subscriber 2", SURE, "subscriber.delete"),
    ("POST /memories/{uuid}/delete", "memory", {}, "memory.forget"),
    ("POST /selected/memories/forget", "memory 2", SURE, "memory.forget"),
    ("POST /bots/{uuid}/tools/new", "owner", {"server_label": "desk", "server_url": "{desk}"}, "tool.create"),
    ("POST /tools/{uuid}/switch", "tool", {"on": "0"}, "tool.update"),
    ("POST /selected/tools/on", "tool", {}, "tool.update"),
    ("POST /selected/tools/off", "tool", {}, "tool.update"),
    ("POST /tools/{uuid}/edit", "tool", {"server_label": "shop", "server_url": "{desk}", **SPOKEN}, "tool.update"),
    ("POST /tools/{uuid}/tools", "tool", {"require_approval": "always", "refreshed": "{refreshed}"}, "tool.update"),
    ("POST /tools/{uuid}/accept", "tool", {"hidden": "die"}, "tool.refresh"),
    ("POST /tools/{uuid}/review", "tool", {"hidden": "book"}, "tool.refresh"),
    ("POST /tools/{uuid}/delete", "tool", {}, "tool.delete"),
    ("POST /selected/tools/delete", "tool 2", SURE, "tool.delete"),
    ("POST /notifications/new", "", {"channel": "webhook", "do": "save", **TARGET, **WEBHOOK}, "target.create"),
    ("POST /notifications/targets/{uuid}", "target", {**TARGET, **WEBHOOK, "name": "Us"}, "target.update"),
    ("POST /notifications/targets/{uuid}/switch", "target", {"to": "on"}, "target.update"),
    ("POST /selected/targets/off", "target", {}, "target.update"),
    ("POST /selected/targets/on", "target", {}, "target.update"),
    ("POST /notifications/targets/{uuid}/delete", "target", {}, "target.delete"),
    ("POST /selected/targets/delete", "target 2", SURE, "target.delete"),
    ("POST /hold", "", {"reason": "Moving."}, "project.hold"),
    ("POST /release", "", {}, "project.release"),
    ("POST /settings", "", {"name": "Acme & Sons", "anchor_day": "15"}, "project.update"),
    ("POST /keys", "", {"name": "CI", "preset": "viewer"}, "key.create"),
    ("POST /keys/{uuid}/rotate", "key", {"grace_hours": "0"}, "key.rotate"),
    ("POST /keys/{uuid}/revoke", "key 2", {}, "key.revoke"),
    ("POST /selected/keys/revoke", "key 3", SURE, "key.revoke"),
    ("POST /members", "", {"email": "new@example.com", "role": "viewer"}, "invitation.create"),
    ("POST /members/{uuid}/role", "member", {"role": "editor"}, "member.role"),
    ("POST /members/{uuid}/remove", "member", {}, "member.remove"),
    ("POST /members/{uuid}/withdraw", "invitation", {}, "invitation.withdraw"),
    ("POST /sessions/{uuid}/end", "session", {}, "session.end"),
    ("POST /sessions/end", "", SURE, "session.end"),
]
# What a person does to their own account, in their own browser; recorded in each of their projects.
OF_A_PERSON: list[tuple[str, dict[str, str], str]] = [
    ("POST /account/password", {"current": PASSWORD, "password": f"another {PASSWORD}"}, "member.update"),
    ("POST /account/sessions/{uuid}/end", {}, "session.end"),
    ("POST /account/sessions/end", SURE, "session.end"),
    ("POST /sign-out", {}, "session.end"),
    ("POST /sign-in", {"email": "ada@example.com", "password": f"another {PASSWORD}"}, "session.begin"),
]
A_RUN = "a run has its own log, which says who started and who cancelled it"
BY_LINK = "with the link of a message, in test_ratings.py and test_parks.py"
NOT_RECORDED = {
    "POST /heartbeats/{uuid}/run": A_RUN,
    "POST /runs/{uuid}/cancel": A_RUN,
    "POST /runs/{uuid}/again": A_RUN,
    "POST /runs/{uuid}/rehearse": A_RUN,
    "POST /runs/{uuid}/replay": A_RUN,
    "POST /heartbeats/rehearse": A_RUN,
    "POST /heartbeats/try": A_RUN,
    "POST /heartbeats/outlook": "stores nothing",
    "POST /heartbeats/look": "stores nothing",
    "POST /tools/{uuid}/refresh": "shows what differs, for the next button to take it; what is the same is no change",
    "POST /tools/{uuid}/test": "asks a server and stores nothing",
    "POST /notifications/targets/{uuid}/test": "sends a message and stores nothing",
    "POST /settings/display": "sets cookies",
    "POST /projects/{uuid}": "in test_people.py, for it takes two projects",
    "POST /tools/{uuid}/sign-in": "with a real issuer, in test_tool_sign_in.py: the sign-in itself",
    "POST /tools/{uuid}/invite": "with a real issuer, in test_tool_sign_in.py: the sign-in itself",
    "POST /oauth/connect": "with a real issuer, in test_tool_sign_in.py",
    "POST /approvals/{uuid}": BY_LINK,
    "POST /ratings/{uuid}": BY_LINK,
    "POST /join": "test_a_person_is_recorded begins with it",
    "POST /sign-in/once": "begins a session as a key does, which is recorded at the one place where sessions begin",
    "POST /sign-in/code": "begins a session as a password does, at that place",
    "POST /new-password": "sets a password, at the one place where they are set",
    "POST /account/second-factor": "in tests/store/users/test_second_factor.py",
    "POST /account/second-factor/off": "in tests/store/users/test_second_factor.py",
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"egress_allow": ["127.0.0.1"], "secret_keys": SecretStr(new_key())})


def test_it_is_known_of_each_form_what_is_recorded() -> None:
    forms = {operation for operation in OPERATIONS if operation.startswith("POST /") and " /v1/" not in operation}
    assert forms == {operation for operation, *_ in [*RECORDED, *OF_A_PERSON]} | NOT_RECORDED.keys()


@ON_SQLITE
async def test_each_change_on_a_page_is_recorded_with_whoever_made_it(
    owner: Owner, stranger: Browser, other: Browser, desk: ToolServer
) -> None:
    for browser in (stranger, other):
        assert (await browser.sign_in(owner.key)).status_code == 303
    ids = await owner.database.write(_rows, owner, desk)
    ids["session"] = (await owner.database.read(many, DashboardSession, SESSION.select()))[-1].uuid
    problems = []
    for operation, name, fields, action in RECORDED:
        before = len(await recorded(owner.database, owner.project.id))
        answer = await _sent(owner, operation, ids.get(name, ""), fields, desk)
        new = (await recorded(owner.database, owner.project.id))[before:]
        who = {(entry.actor_kind, entry.actor_name, entry.address) for entry in new}
        if action not in [entry.action for entry in new] or who != {("key", "first", "127.0.0.1")}:
            problems.append((operation, answer.status_code, [entry.action for entry in new], who))
    assert not problems, "\n".join(map(str, problems))
    assert (await owner.database.read(prove_chain, owner.project.id)).problem == ""


@ON_SQLITE
async def test_a_person_is_recorded(owner: Owner, stranger: Browser, other: Browser) -> None:
    await signed_up(stranger, owner.database, owner.project, "ada@example.com")
    joined = [(entry.actor_email, entry.action) for entry in (await recorded(owner.database, owner.project.id))[-3:]]
    assert ("ada@example.com", "member.role") in joined
    problems = []
    for operation, fields, action in OF_A_PERSON:
        # Another session of theirs, with the password of before or with that of after.
        for password in (PASSWORD, f"another {PASSWORD}"):
            await other.submit("/sign-in", email="ada@example.com", password=password)
        session = (await owner.database.read(many, DashboardSession, SESSION.select().order_by(SESSION.c.id)))[-1]
        path = operation.removeprefix("POST ").format(uuid=session.uuid)
        before = len(await recorded(owner.database, owner.project.id))
        answer = await stranger.submit(path, **fields)
        new = (await recorded(owner.database, owner.project.id))[before:]
        if (action, "ada@example.com") not in [(entry.action, entry.actor_email) for entry in new]:
            problems.append((operation, answer.status_code, [(one.action, one.actor_email) for one in new]))
    assert not problems, "\n".join(map(str, problems))


async def _sent(owner: Owner, operation: str, uuid: str, fields: dict[str, str], desk: ToolServer) -> httpx.Response:
    """Send a form, of which what stands in braces is what it is by now."""
    path = operation.removeprefix("POST ").format(uuid=uuid)
    told = {"uuid": uuid, "owner": owner.bot.uuid, "desk": desk.url}
    if "{refreshed}" in fields.values():
        tool = await owner.database.read(lambda c: exactly_one(c, Tool, TOOL.select().where(TOOL.c.uuid == uuid)))
        told["refreshed"] = str(tool.refreshed_at.isoformat()) if tool.refreshed_at else ""
    filled = {name: value.format_map(told) for name, value in fields.items()}
    desk.hidden = {filled.pop("hidden")} if "hidden" in filled else desk.hidden
    if path.endswith("/review"):
        shown = await owner.browser.submit(path.replace("/review", "/refresh"))
        filled["seen"] = shown.text.split('name="seen" value="')[1].split('"')[0]
    if path.startswith("/selected/"):
        filled["id"] = uuid
    if "channel" in filled:
        path = f"{path}?channel={filled.pop('channel')}"
    if path.startswith("/heartbeats/") and path.endswith(("/new", "/edit")):
        sent = [*fields_of(owner, label="Otherwise"), *filled.items()]
        return await owner.browser.post(path, data=dict(sent), headers={"origin": SITE})
    return await owner.browser.submit(path, **filled)


def _rows(connection: Connection, owner: Owner, desk: ToolServer) -> dict[str, str]:
    """What the forms are sent of, by a name each."""
    now, beat, project = datetime.now(UTC), owner.heartbeat, owner.project
    yearly = {"cron_pattern": f"0 0 15 {TICK.month} *", "timezone": "UTC", "synced_version": 1}
    running = a_run(connection, beat, status="running", finished_at=None, duration_ms=None)
    rows.a_call(connection, running)
    a_member(connection, project, "bob@example.com", "viewer")
    made: dict[str, Any] = {
        "owner": owner.bot,
        **_pair("beat", lambda: a_heartbeat(connection, owner.bot, **yearly)),
        **_pair("task", lambda: rows.a_task(connection, beat, **yearly)),
        **_pair("bot", lambda: a_bot(connection, project)),
        **_pair("subscriber", lambda: rows.a_subscriber(connection, owner.bot, name="Bob")),
        **_pair("memory", lambda: rows.a_memory(connection, owner.bot, "The garden.")),
        "tool": rows.a_tool(connection, beat, server_label="first", server_url=desk.url),
        "tool 2": rows.a_tool(connection, beat, server_label="second", server_url=desk.url),
        **_pair("target", lambda: rows.a_target(connection, beat)),
        **_pair("key", lambda: create_key(connection, project, "CI", now)),
        "key 3": create_key(connection, project, "CI", now),
        "run": a_run(connection, beat),
        "approval": rows.an_approval(connection, running),
        "finding": rows.a_finding(connection, beat),
        "member": exactly_one(connection, User, columns(User).select()),
        "invitation": invite(connection, project, "eve@example.com", "viewer", "Ada", now).row,
    }
    for name in ("subscriber", "subscriber 2"):
        rows.a_memory(connection, owner.bot, "Of theirs.", member_id=made[name].id)
    return {name: row.uuid for name, row in made.items()}


def _pair(name: str, make: Callable[[], Any]) -> dict[str, Any]:
    return {name: make(), f"{name} 2": make()}
