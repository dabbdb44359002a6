"""What a model is offered: under which names, in which order, and what is left out."""

import re
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from heartbeat.agents.tools.built_in.tools import BUILT_IN
from heartbeat.agents.tools.definitions import OfferedTool
from heartbeat.agents.tools.mcp import stdio
from heartbeat.agents.tools.mcp.sessions import Sessions
from heartbeat.agents.tools.offered_tools import ConnectedServer, define_tools, offer_tools, within_limit
from heartbeat.domain.stdio_tools import StdioTool
from heartbeat.settings import Settings
from tests.support.connected_servers import entry, server
from tests.support.patience import PATIENCE
from tests.support.tool_connections import over_pipes

OURS = [tool.name for tool in BUILT_IN]


def names(*connected: ConnectedServer) -> list[str]:
    return [tool.name for tool in define_tools(connected)]


def test_every_bot_has_the_built_in_tools() -> None:
    assert names() == OURS


def test_a_tool_is_as_it_was_pinned() -> None:
    schema = {"type": "object", "properties": {"what": {"type": "string"}}}
    shop = server("shop")
    pinned = entry("book", input_schema=schema)
    *_, tool = define_tools([ConnectedServer(shop, [pinned])])
    assert tool == OfferedTool("shop__book", "Does book.", schema, shop, "book", pinned)


def test_the_order_is_that_of_the_servers_and_of_their_tools() -> None:
    shop, files = (
        ConnectedServer(server("shop"), [entry("sell"), entry("book")]),
        ConnectedServer(server("files"), [entry("read")]),
    )
    assert names(shop, files)[len(OURS) :] == ["shop__sell", "shop__book", "files__read"]
    assert names(shop, files) == names(shop, files)


def test_what_is_switched_off_or_changed_is_left_out() -> None:
    changed = {"difference": "-a\n+b", "gone": False, "seen_at": "2026-10-01T00:00:00Z"}
    tools = [entry("on"), entry("off", is_active=False), entry("other", changed=changed)]
    assert names(ConnectedServer(server("shop"), tools))[len(OURS) :] == ["shop__on"]


@pytest.mark.parametrize(
    ("label", "tool", "name"),
    [
        ("My Shop", "book.table", "My_Shop__book_table"),
        ("größe", "préis", "gr__e__pr_is"),
        ("1st", "x", "_1st__x"),
        ("-", "x", "_-__x"),
        ("shop", "a/b:c", "shop__a_b_c"),
    ],
)
def test_a_name_is_one_that_every_provider_takes(label: str, tool: str, name: str) -> None:
    assert names(ConnectedServer(server(label), [entry(tool)]))[len(OURS) :] == [name]


def test_a_long_name_is_cut_and_still_its_own() -> None:
    one, other = names(ConnectedServer(server("shop"), [entry("x" * 80 + "1"), entry("x" * 80 + "2")]))[len(OURS) :]
    assert one != other
    assert {len(one), len(other)} == {64}
    assert all(re.fullmatch("shop__x{49}_[0-9a-f]{8}", name) for name in (one, other))


def test_names_that_would_be_the_same_are_told_apart_and_never_change_places() -> None:
    one, other = (
        ConnectedServer(server("my shop"), [entry("book")]),
        ConnectedServer(server("my.shop"), [entry("book")]),
    )
    both = names(one, other)[len(OURS) :]
    assert len(set(both)) == 2
    assert all(re.fullmatch("my_shop__book_[0-9a-f]{8}", name) for name in both)
    assert names(other, one)[len(OURS) :] == both[::-1]
    assert names(one)[len(OURS) :] == ["my_shop__book"], "a name that meant the other one is nobody's"
    paused = ConnectedServer(other.server, [{**other.tools[0], "changed": {"found": None}}])
    assert names(one, paused)[len(OURS) :] == both[:1], "a pause of one is no new name for the other"


@pytest.mark.parametrize(
    ("require", "names", "asks"),
    [
        ("never", ["book"], False),
        ("always", [], True),
        ("tool-specific", ["book"], True),
        ("tool-specific", ["x"], False),
        ("tool-specific", [], True),
    ],
)
def test_approval_is_asked_for_as_the_owner_said(require: str, names: list[str], asks: bool) -> None:
    *_, tool = define_tools([ConnectedServer(server("shop"), [entry("book")], require, names)])
    assert tool.needs_approval is asks


@pytest.mark.parametrize(
    ("notes", "repeatable"),
    [
        ({}, False),
        ({"readOnlyHint": True}, True),
        ({"idempotentHint": True}, True),
        ({"idempotentHint": False, "readOnlyHint": False}, False),
        ({"destructiveHint": False, "openWorldHint": False}, False),
        ({"idempotentHint": "yes"}, False),
    ],
)
def test_only_what_its_server_marks_may_be_called_twice(notes: dict[str, Any], repeatable: bool) -> None:
    *_, tool = define_tools([ConnectedServer(server("shop"), [entry("book", annotations=notes)])])
    assert tool.idempotent is repeatable


def test_a_schema_without_properties_gets_an_empty_set_of_them() -> None:
    *_, tool = define_tools([ConnectedServer(server("shop"), [entry("now", input_schema={"type": "object"})])])
    assert tool.schema == {"type": "object", "properties": {}}


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has listed nothing so far."""
    monkeypatch.setattr(stdio, "_listed", {})
    monkeypatch.setattr(stdio, "_failed", {})


def own(**tools: StdioTool) -> Settings:
    return Settings(_env_file=None, stdio_tools=tools, tool_timeout_seconds=PATIENCE)


def counted(tmp_path: Path, *command: str) -> StdioTool:
    """A command that also writes a line each time it is started."""
    starts = tmp_path / "starts"
    script = 'echo started >> "$STARTS"; exec "$@"'
    return StdioTool.model_validate(
        {"command": "sh", "args": ["-c", script, "sh", *command], "env": {"STARTS": str(starts)}}
    )


@pytest.mark.usefixtures("forgotten")
async def test_the_operators_own_servers_are_listed_once_a_process_and_come_last(tmp_path: Path) -> None:
    settings = own(desk=counted(tmp_path, *over_pipes()))
    shop = ConnectedServer(server("shop"), [entry("book")])
    first = await offer_tools("bot_1", [shop], settings)
    assert await offer_tools("bot_2", [shop], settings) == first
    assert [tool.name for tool in first][len(OURS) : len(OURS) + 3] == ["shop__book", "desk__read_note", "desk__book"]
    assert (tmp_path / "starts").read_text() == "started\n"
    [book] = [tool for tool in first if tool.name == "desk__book"]
    assert (book.pinned, book.needs_approval, book.idempotent) == (None, False, False)
    async with aclosing(Sessions(settings)) as sessions:
        called = await sessions.call(book, {"what": "a table"}, "log_1", "log_1:2")
    assert called.text == "Booked a table, number 1."


def meeting(tmp_path: Path, name: str, other: str) -> StdioTool:
    """A command that starts when the other one has come, too."""
    script = 'touch "$0"; until [ -e "$1" ]; do sleep 0.02; done; shift; exec "$@"'
    places = [str(tmp_path / name), str(tmp_path / other)]
    return StdioTool(command="sh", args=["-c", script, *places, *over_pipes()], bots=["bot_1"])


@pytest.mark.usefixtures("forgotten")
async def test_a_bot_gets_those_that_are_its_own_asked_together(tmp_path: Path) -> None:
    settings = own(desk=meeting(tmp_path, "desk", "shop"), shop=meeting(tmp_path, "shop", "desk"))
    offered = [tool.name for tool in await offer_tools("bot_1", [], settings)]
    assert {"desk__book", "shop__book"} <= set(offered)
    assert [tool.name for tool in await offer_tools("bot_2", [], settings)] == OURS


@pytest.mark.usefixtures("forgotten")
async def test_one_that_does_not_start_is_left_out_and_tried_again_in_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = own(desk=counted(tmp_path, "false"))
    for _ in range(3):
        assert [tool.name for tool in await offer_tools("bot_1", [], settings)] == OURS
    assert (tmp_path / "starts").read_text() == "started\n"
    [said] = [record.getMessage() for record in caplog.records if record.name.startswith("heartbeat")]
    assert said.startswith("The tool server desk ended before it answered; what it wrote about that is in the worker")
    monkeypatch.setattr(stdio, "_failed", dict.fromkeys(stdio._failed, 0.0))
    await offer_tools("bot_1", [], settings)
    assert (tmp_path / "starts").read_text() == "started\n" * 2


def test_a_limit_cuts_the_largest_server_and_leaves_what_is_built_in() -> None:
    large, small = [entry(f"t{number}") for number in range(5)], [entry("only")]
    tools = define_tools([ConnectedServer(server("large"), large), ConnectedServer(server("small"), small)])
    assert within_limit(tools, None) == within_limit(tools, len(tools)) == tools
    cut = [tool.name for tool in within_limit(tools, len(OURS) + 3)]
    assert cut == [*OURS, "large__t0", "large__t1", "small__only"]
