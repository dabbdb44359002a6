"""No spelling of an address leads a tool server's session inside: the same tables as for every other way out."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.agents.tools.mcp import session
from heartbeat.agents.tools.mcp.client import ToolServerDown, list_tools
from heartbeat.egress.client import Guard, Resolve
from heartbeat.settings import Settings
from tests.support.addresses import OTHER_SCHEMES, REFUSED, ZONE, resolve
from tests.support.guarded import Rebinding
from tests.support.patience import PATIENCE
from tests.support.peer import Peer, says, sends_to
from tests.support.rows import every_row
from tests.support.tool_connections import Speaking
from tests.support.tool_server import ToolServer

NOBODY = Settings(_env_file=None, tool_timeout_seconds=PATIENCE)
TRANSPORTS: list[Any] = ["http", "sse"]


def resolving(monkeypatch: pytest.MonkeyPatch, resolver: Resolve) -> None:
    monkeypatch.setattr(session, "Guard", partial(Guard, resolve=resolver))


async def stopped(server: McpServer, settings: Settings) -> str:
    """What stood in the way of a call, which was the same that stood in the way of listing."""
    called = await Speaking(server, settings).call("book", what="a table")
    assert called.outcome == "failed"
    assert called.text.startswith("shop__book was not called. The tool server shop ")
    with pytest.raises(ToolServerDown) as down:
        await list_tools(server, settings)
    assert str(down.value) in called.text
    return called.text


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_no_spelling_leads_inside(transport: Any, inside: list[Peer]) -> None:
    with every_row() as row:
        for host in REFUSED:
            with row(host):
                await stopped(McpServer("tool_1", "shop", transport, f"http://{host}:{inside[0].port}/mcp"), NOBODY)
                assert [peer.connections for peer in inside] == [0, 0]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_no_name_leads_inside(transport: Any, inside: list[Peer], monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, resolve)
    with every_row() as row:
        for name in ZONE:
            with row(name):
                server = McpServer("tool_1", "shop", transport, f"http://{name}:{inside[0].port}/mcp")
                said = await stopped(server, NOBODY)
                assert f"shop cannot be reached: {name}" in said or f"The host {name}" in said
                assert [peer.connections for peer in inside] == [0, 0]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_only_http_and_https_are_spoken(transport: Any, inside: list[Peer]) -> None:
    settings = NOBODY.model_copy(update={"egress_allow": ["127.0.0.1"]})
    with every_row() as row:
        for form in OTHER_SCHEMES:
            with row(form):
                url = form.format(f"127.0.0.1:{inside[0].port}")
                await stopped(McpServer("tool_1", "shop", transport, url), settings)
                assert inside[0].connections == 0


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_name_that_changes_its_mind_is_not_followed(
    transport: Any, peer: ToolServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, Rebinding("127.0.0.1", "127.0.0.2"))
    url = (peer.sse_url if transport == "sse" else peer.url).replace("127.0.0.1", "rebinding.example")
    server = McpServer("tool_1", "shop", transport, url)
    async with Peer({"*": says()}, "127.0.0.2", port=peer.port) as inside:
        if transport == "http":
            assert await list_tools(server, settings)
        else:
            # A message goes over a second connection there, and finds itself led elsewhere.
            with pytest.raises(ToolServerDown):
                await list_tools(server, settings.model_copy(update={"tool_timeout_seconds": 1}))
        assert "loopback" in await stopped(server, settings)
        assert inside.connections == 0


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("location", ["http://127.0.0.1:{}/mcp", "//127.1:{}/mcp", "http://inside.example:{}/mcp"])
async def test_a_redirect_does_not_lead_inside(
    location: str, transport: Any, inside: list[Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolver(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2"] if host == "outside.example" else ["127.0.0.1"]

    resolving(monkeypatch, resolver)
    settings = NOBODY.model_copy(update={"egress_allow": ["127.0.0.2"]})
    async with Peer({"*": sends_to(location.format(inside[0].port))}, "127.0.0.2") as outside:
        await stopped(McpServer("tool_1", "shop", transport, outside.url("/mcp", host="outside.example")), settings)
        assert outside.connections >= 1
    assert [peer.connections for peer in inside] == [0, 0]
