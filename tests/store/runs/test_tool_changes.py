"""A tool that changed: who is told, how often, and what runs are told that go on without it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from heartbeat.agents.tools.definitions import DiscoveredTool
from heartbeat.store.database.rows import columns, exactly_one
from heartbeat.store.runs.tool_changes import MissingTools, ToolChange, missing_tools, record_change
from heartbeat.store.tables.bots import Bot, Tool
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.runs import Run, Step
from heartbeat.store.tools.servers import create_tool, pin
from tests.support.runs import changed
from tests.support.seeds import access_to, heartbeat_row
from tests.support.store_world import StoreWorld, settings, world

__all__ = ["settings", "world"]

OBJECT = {"type": "object"}
ESCALATE = DiscoveredTool("escalate", "Wakes somebody.", OBJECT, {})
REWORDED = DiscoveredTool("escalate", "Wakes whoever is on call.", OBJECT, {})


@pytest.fixture
def desk(world: StoreWorld) -> Tool:
    return connect(world, [ESCALATE])


def connect(world: StoreWorld, tools: list[DiscoveredTool], label: str = "desk") -> Tool:
    def work(connection: Connection) -> Tool:
        bot = exactly_one(connection, Bot, select(columns(Bot)).where(columns(Bot).c.id == world.heartbeat.bot_id))
        fields = {"server_label": label, "server_url": "https://desk.example/mcp", "transport": "http"}
        tool = create_tool(connection, access_to(connection, bot), fields, world.now)
        return pin(connection, tool.id, tools, world.now)

    return world.database.write_now(work)


def newest(world: StoreWorld) -> Run:
    run: Run = world.rows(Run)[-1]
    return run


def uses(world: StoreWorld, name: str = "desk__escalate") -> None:
    """The last run called the tool."""
    step = {"run_id": newest(world).id, "number": 2, "kind": "tool", "name": name, "answer": "", "messages": ""}
    numbers = {"final": False, "model": "", "input_tokens": 0, "output_tokens": 0, "duration_ms": 0}
    world.database.write_now(
        lambda c: c.execute(columns(Step).insert().values({**step, **numbers, "created_at": world.now}))
    )


def changes(world: StoreWorld, desk: Tool, discovered: DiscoveredTool | None = REWORDED) -> None:
    """The last run found the tool changed."""
    change = ToolChange(desk.uuid, "escalate", "desk__escalate", discovered)
    world.database.write_now(lambda c: record_change(c, newest(world), change, world.now))


def told(world: StoreWorld) -> list[dict[str, Any]]:
    return [event.data for event in world.rows(Event) if event.kind == "tool.changed"]


def test_a_change_is_told_once_and_marks_its_run(world: StoreWorld, desk: Tool) -> None:
    world.target()
    world.run()
    changes(world, desk)
    changes(world, desk)
    [event] = told(world)
    assert (event["run"], event["tools"][0]["tool_id"]) == (newest(world).uuid, desk.uuid)
    assert "-Wakes somebody." in event["tools"][0]["difference"]
    assert newest(world).paused_tools == ["desk__escalate"]
    assert [row.changed_count for row in world.rows(Tool)] == [1]
    assert len(world.notifications()) == 1


def test_another_change_is_news(world: StoreWorld, desk: Tool) -> None:
    world.run()
    changes(world, desk)
    changes(world, desk, None)
    assert [event["tools"][0]["gone"] for event in told(world)] == [False, True]


def test_two_that_models_would_call_the_same_are_told_apart(world: StoreWorld) -> None:
    spaced, joined = (DiscoveredTool(name, "Looks.", OBJECT, {}) for name in ("look up", "look_up"))
    tool = connect(world, [spaced, joined])
    world.run()
    for one in (spaced, joined):
        change = ToolChange(tool.uuid, one.name, f"desk__{one.name}", None)
        world.database.write_now(lambda c, change=change: record_change(c, newest(world), change, world.now))
    [sentence] = world.database.read_now(missing_tools, world.heartbeat, "openai:m", 0).sentences
    first, second = re.findall(r"desk__look_up\w*", sentence)
    assert first != second


def test_who_is_offered_no_tools_misses_none(world: StoreWorld, desk: Tool) -> None:
    world.run()
    changes(world, desk)
    assert missing(world, "openai:m") != MissingTools()
    assert missing(world, "local:smollm2") == MissingTools()
    changed(world.database, Heartbeat, chat_mode="ask")
    assert missing(world, "openai:m") == MissingTools()


def missing(world: StoreWorld, model: str) -> MissingTools:
    row = world.database.read_now(heartbeat_row, world.heartbeat.uuid)
    return world.database.read_now(missing_tools, row, model, 0)


def test_a_rehearsal_tells_nobody(world: StoreWorld, desk: Tool) -> None:
    world.run(dry_run=True, trigger="manual")
    changes(world, desk)
    assert (told(world), [row.changed_count for row in world.rows(Tool)]) == ([], [1])


def test_a_heartbeat_that_uses_it_says_so_in_every_run_and_tells_once_a_day(world: StoreWorld, desk: Tool) -> None:
    world.run()
    uses(world)
    changes(world, desk)
    world.run()
    assert newest(world).paused_tools == ["desk__escalate"]
    assert "has accepted the change yet: desk__escalate. If the task cannot" in (newest(world).opening or "")
    assert len(told(world)) == 1, "it was told today"
    world.now += timedelta(hours=25)
    for _ in range(3):
        world.run(trigger="manual")
    [_, reminder] = told(world)
    assert (reminder["again"], [tool["tool"] for tool in reminder["tools"]]) == (True, ["desk__escalate"])


def test_a_heartbeat_that_does_not_use_it_goes_on_and_its_model_is_told(world: StoreWorld, desk: Tool) -> None:
    world.run()
    changes(world, desk)
    world.now += timedelta(hours=25)
    world.run(trigger="manual")
    assert newest(world).paused_tools is None
    assert "desk__escalate" in (newest(world).opening or "")
    assert len(told(world)) == 1


def test_what_is_accepted_is_no_matter_any_more(world: StoreWorld, desk: Tool) -> None:
    world.run()
    uses(world)
    changes(world, desk)
    world.database.write_now(lambda c: pin(c, desk.id, [REWORDED], world.now))
    world.run()
    assert newest(world).paused_tools is None
    assert "desk__escalate" not in (newest(world).opening or "")


@pytest.mark.parametrize(
    ("model", "sentence"),
    [("openai:m", "126 are offered, and 24 are left out"), ("anthropic:claude-x", "")],
)
def test_a_run_is_told_of_tools_beyond_what_its_model_takes(world: StoreWorld, model: str, sentence: str) -> None:
    world.change(Bot, model=model, attributes={})
    connect(world, [DiscoveredTool(f"tool_{number}", "One of many.", OBJECT, {}) for number in range(150)])
    world.run()
    opening = newest(world).opening or ""
    assert (sentence in opening, "left out" in opening) == (True, bool(sentence))
