"""Heartbeats whose tool a person has to sign in to again wait for that, and go on by themselves."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, update

from heartbeat.domain.tool_connections import NEEDS_RECONNECT
from heartbeat.store.bots.subscribers import create_subscriber
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.heartbeats.reconnects import lift_reconnect_pauses, lose, lost_tools, miss_scopes
from heartbeat.store.runs.opening import Opening
from heartbeat.store.tables.bots import Bot, Tool
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.tool_connections import ToolConnection
from heartbeat.store.tools.connections import (
    MAX_WANTED,
    SealedGrant,
    due_refreshes,
    ensure_connection,
    forget_grants,
    save_grant,
)
from tests.support.past_runs import a_call, a_run
from tests.support.runs import TICK, by_hand, opened, scheduled
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, access_to, heartbeat_row
from tests.support.signed_in import a_tool
from tests.support.statements import statements

CONNECTION, TOOL = columns(ToolConnection), columns(Tool)
CONNECTED: dict[str, Any] = {"state": "connected", "sealed_tokens": "sealed", "connected_at": NOW}


@pytest.fixture
def bot(database: Database) -> Bot:
    return database.write_now(lambda c: a_bot(c, a_project(c)))


def a_connection(connection: Connection, tool: Tool, **fields: Any) -> ToolConnection:
    return ensure_connection(connection, tool.id, fields.pop("member_id", None), CONNECTED | fields, NOW)


def that_used(connection: Connection, bot: Bot, tool: str, **fields: Any) -> Heartbeat:
    """A heartbeat whose last run called a tool."""
    heartbeat = a_heartbeat(connection, bot, **fields)
    a_call(connection, a_run(connection, heartbeat), 1, name=tool, state="done")
    return heartbeat


def again(database: Database, heartbeat: Heartbeat) -> Heartbeat:
    return database.read_now(heartbeat_row, heartbeat.uuid)


def events(database: Database) -> list[Event]:
    return database.read_now(lambda c: many(c, Event, select(columns(Event))))


def skipped_for(opening: Opening) -> str | None:
    assert opening.run is not None
    return opening.run.skip_reason


def test_those_that_use_it_pause_when_they_are_due_and_go_on(database: Database, bot: Bot) -> None:
    def seed(connection: Connection) -> tuple[ToolConnection, Heartbeat, Heartbeat]:
        user = that_used(connection, bot, "desk__book", error_count=2)
        other = that_used(connection, bot, "web_fetch", prompt="Read the news.")
        return a_connection(connection, a_tool(connection, bot, "https://desk.example/mcp")), user, other

    row, user, other = database.write_now(seed)
    database.write_now(lose, row, "invalid_grant", NOW)
    assert database.write_now(lose, row, "invalid_grant", NOW) is None
    [event] = events(database)
    assert (event.kind, event.heartbeat_id) == ("tool.needs_reconnect", user.id)
    assert event.data["heartbeats"] == [user.uuid]
    assert again(database, user).enabled, "not before it is due"

    assert skipped_for(opened(database, scheduled(other))) is None
    refused = opened(database, scheduled(user))
    assert skipped_for(refused) == "needs_reconnect"
    paused = again(database, user)
    assert (paused.enabled, paused.pause_reason) == (False, "needs_reconnect")
    assert paused.pause_message == refused.reason == "A person has to sign in to desk again; it goes on by itself then."
    assert len(events(database)) == 1, "it was told already"
    assert database.write_now(lift_reconnect_pauses, NOW) == 0

    database.write_now(lambda c: c.execute(update(CONNECTION).values(CONNECTED)))
    assert database.write_now(lift_reconnect_pauses, NOW) == 1
    going_on = again(database, user)
    assert (going_on.enabled, going_on.pause_reason, going_on.error_count) == (True, None, 2)
    later = TICK + timedelta(minutes=1)
    assert skipped_for(opened(database, scheduled(user, later), now=later)) is None


def test_by_hand_it_runs_without_the_tool(database: Database, bot: Bot) -> None:
    def seed(connection: Connection) -> Heartbeat:
        a_connection(connection, a_tool(connection, bot, "https://desk.example/mcp"), state=NEEDS_RECONNECT)
        return that_used(connection, bot, "desk__book")

    assert skipped_for(opened(database, by_hand(database.write_now(seed)))) is None


def test_a_tool_that_is_gone_or_off_or_anothers_is_not_waited_for(database: Database, bot: Bot) -> None:
    lost = {"state": NEEDS_RECONNECT}

    def seed(connection: Connection) -> Heartbeat:
        off = a_tool(connection, bot, "https://desk.example/mcp", is_enabled=False)
        of_member = a_tool(connection, bot, "https://mail.example/mcp", server_label="mail", per_member=True)
        elsewhere = a_tool(connection, a_bot(connection, a_project(connection)), "https://x.example/mcp")
        for tool in (off, of_member, elsewhere):
            a_connection(connection, tool, **lost)
        heartbeat = that_used(connection, bot, "desk__book")
        a_call(connection, a_run(connection, heartbeat), 1, name="mail__send", state="done")
        return heartbeat

    heartbeat = database.write_now(seed)
    assert database.read_now(lost_tools, heartbeat) == []
    database.write_now(lambda c: c.execute(update(TOOL).values(is_enabled=True)))
    assert database.read_now(lost_tools, heartbeat) == ["desk"]


def test_what_is_over_for_a_subscriber_concerns_that_ones_heartbeats(database: Database, bot: Bot) -> None:
    def seed(connection: Connection) -> tuple[ToolConnection, Heartbeat, Heartbeat, str]:
        access = access_to(connection, bot)
        member, other = (create_subscriber(connection, access, None, name, NOW) for name in ("Ada", "Bob"))
        mail = a_tool(connection, bot, "https://mail.example/mcp", server_label="mail", per_member=True)
        mine, others = (that_used(connection, bot, "mail__send", member_id=one.id) for one in (member, other))
        a_connection(connection, mail, member_id=other.id)
        return a_connection(connection, mail, member_id=member.id), mine, others, member.uuid

    row, mine, anothers, member_uuid = database.write_now(seed)
    database.write_now(lose, row, "invalid_grant", NOW)
    [event] = events(database)
    assert (event.data["member_id"], event.data["heartbeats"]) == (member_uuid, [mine.uuid])
    assert skipped_for(opened(database, scheduled(mine))) == "needs_reconnect"
    assert skipped_for(opened(database, scheduled(anothers))) is None


def test_a_wish_for_more_is_told_once_for_each_permission(database: Database, bot: Bot) -> None:
    def seed(connection: Connection) -> ToolConnection:
        that_used(connection, bot, "desk__book")
        return a_connection(connection, a_tool(connection, bot, "https://desk.example/mcp"), scopes=["read"])

    row = database.write_now(seed)
    for scopes in ([], ["read"], ["write"], ["write"], ["admin"], ["write", "read"]):
        database.write_now(miss_scopes, row, scopes, NOW)
    assert [event.data["scopes"] for event in events(database)] == [["write"], ["admin"]]
    current = database.read_now(lambda c: exactly_one(c, ToolConnection, select(CONNECTION)))
    assert (current.state, current.wanted_scopes) == ("connected", ["read", "write", "admin"])

    for number in range(2 * MAX_WANTED):
        database.write_now(miss_scopes, row, [f"more:{number}"], NOW)
    assert len(events(database)) == MAX_WANTED, "a server that wants more with every call is not told without end"
    database.write_now(lambda c: c.execute(delete(CONNECTION)))
    database.write_now(miss_scopes, row, ["late"], NOW)
    assert len(events(database)) == MAX_WANTED


@pytest.mark.parametrize(
    ("fields", "is_due"),
    [
        ({"refresh_at": NOW}, True),
        ({"refresh_at": NOW + timedelta(minutes=1)}, False),
        ({"refresh_at": None}, False),
        ({"refresh_at": NOW, "state": NEEDS_RECONNECT}, False),
        ({"refresh_at": NOW, "connected_at": NOW - timedelta(days=31)}, False),
        ({"refresh_at": NOW, "connected_at": NOW - timedelta(days=31), "used_at": NOW - timedelta(days=29)}, True),
        ({"refresh_at": NOW, "used_at": NOW - timedelta(days=31)}, True),
        ({"refresh_at": NOW, "refresh_lease_until": NOW + timedelta(seconds=1)}, False),
        ({"refresh_at": NOW, "refresh_lease_until": NOW}, True),
        ({"refresh_at": NOW, "refresh_lease_until": NOW + timedelta(days=365)}, True),
    ],
)
def test_what_is_refreshed_by_itself(database: Database, bot: Bot, fields: dict[str, Any], is_due: bool) -> None:
    database.write_now(lambda c: a_connection(c, a_tool(c, bot, "https://desk.example/mcp"), **fields))
    assert len(database.read_now(due_refreshes, NOW, 10)) == is_due


def test_what_is_granted_to_a_connection_that_is_gone_is_written_to_no_other(database: Database, bot: Bot) -> None:
    def change(connection: Connection) -> tuple[ToolConnection | None, ToolConnection]:
        desk = a_tool(connection, bot, "https://desk.example/mcp")
        before = a_connection(connection, desk)
        forget_grants(connection, desk.id)
        after = a_connection(connection, desk)
        late = SealedGrant("late", "late", None, [], None)
        return save_grant(connection, before.uuid, late, NOW), after

    written, after = database.write_now(change)
    assert written is None
    assert database.read_now(lambda c: exactly_one(c, ToolConnection, select(CONNECTION))) == after


def test_however_many_wait_it_takes_two_statements_to_see_that_they_do(database: Database, bot: Bot) -> None:
    def seed(connection: Connection) -> None:
        a_connection(connection, a_tool(connection, bot, "https://desk.example/mcp"), state=NEEDS_RECONNECT)
        for number in range(5):
            waits = {"enabled": False, "pause_reason": "needs_reconnect", "pause_detail": "desk"}
            a_heartbeat(connection, bot, prompt=f"Book {number}.", **waits)

    database.write_now(seed)
    with statements(database._engine) as sent:
        assert database.write_now(lift_reconnect_pauses, NOW) == 0
    assert len([statement for statement in sent if statement.startswith("SELECT")]) == 2


def test_one_that_another_tool_is_lost_for_meanwhile_goes_on_waiting(database: Database, bot: Bot) -> None:
    waits = {"enabled": False, "pause_reason": "needs_reconnect", "pause_detail": "desk"}

    def seed(connection: Connection) -> Heartbeat:
        a_connection(connection, a_tool(connection, bot, "https://desk.example/mcp"))
        mail = a_tool(connection, bot, "https://mail.example/mcp", server_label="mail")
        a_connection(connection, mail, state=NEEDS_RECONNECT)
        a_heartbeat(connection, bot, **waits)
        return that_used(connection, bot, "mail__send", prompt="Write.", **waits)

    writing = database.write_now(seed)
    assert database.write_now(lift_reconnect_pauses, NOW) == 1
    assert not again(database, writing).enabled
