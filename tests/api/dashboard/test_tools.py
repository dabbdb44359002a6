"""The page of tools: which changed and how, accepting it, and the marks on what goes on without them."""

from typing import Any

import pytest

from heartbeat.settings import Settings
from heartbeat.store.database.rows import columns, many
from heartbeat.store.tables.bots import Tool
from tests.support.dashboard import STILL, Owner, make
from tests.support.pending_rows import a_tool, changed_tool
from tests.support.tool_server import ToolServer

FORECAST = {**changed_tool("-Rain.\n+Sun."), "name": "forecast"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"egress_allow": ["127.0.0.1"]})


async def tools_of(owner: Owner) -> list[dict[str, Any]]:
    [tool] = await owner.database.read(lambda c: many(c, Tool, columns(Tool).select()))
    return tool.tools


async def test_a_tool_that_changed_is_shown_with_how_and_everything_is_marked(owner: Owner) -> None:
    page = await owner.browser.page("/tools")
    assert "No tool server is connected." in page
    await make(owner, a_tool, tools=[FORECAST])
    run = await owner.run(status="running", paused_tools=["desk__forecast"], **STILL)
    page = await owner.browser.page("/tools")
    assert "<title>(1) Tools" in page
    assert "-Rain.\n+Sun." in page
    assert ("desk.example" in page, "canary" in page) == (True, False)
    assert 'class="badge">1<span class="unseen"> changed</span>' in page
    assert '<a class="chip pending" href="/tools">1 tool changed</a>' in await owner.browser.page("/")
    mark = '<a class="chip pending" href="/tools">without desk: forecast</a>'
    assert mark in await owner.browser.page(f"/heartbeats/{owner.heartbeat.uuid}")
    assert "It had to do without desk: forecast" in await owner.browser.page(f"/runs/{run.uuid}")


async def test_what_is_accepted_is_what_the_server_offers_now(owner: Owner, desk: ToolServer) -> None:
    tool = await make(owner, a_tool, server_url=desk.url, tools=[FORECAST])
    answer = await owner.browser.submit(f"/tools/{tool.uuid}/accept")
    assert (answer.status_code, answer.headers["location"]) == (303, "/tools?done=accepted")
    assert [entry["name"] for entry in await tools_of(owner)] == [one.name for one in desk.tools()]
    assert not any(entry["changed"] for entry in await tools_of(owner))
    assert "The tools of this server are what it offers now." in await owner.browser.page("/tools?done=accepted")


async def test_a_server_that_is_down_accepts_nothing_and_says_why(owner: Owner, desk: ToolServer) -> None:
    tool = await make(owner, a_tool, server_url=desk.url, tools=[FORECAST])
    desk.close()
    answer = await owner.browser.submit(f"/tools/{tool.uuid}/accept")
    assert answer.headers["location"] == "/tools?done=down"
    assert [entry["changed"] is None for entry in await tools_of(owner)] == [False]
    page = await owner.browser.page("/tools?done=down")
    assert "The tool server desk cannot be reached: nothing listens at its address." in page


async def test_a_server_with_a_problem_is_no_green_one_comes_first_and_is_asked_again(
    owner: Owner, desk: ToolServer
) -> None:
    sound = await make(owner, a_tool, server_label="sound", tools=[{**FORECAST, "changed": None}])
    silent = await make(owner, a_tool, server_url=desk.url, last_error="The tool server desk lost the connection.")
    page = await owner.browser.page("/tools")
    assert page.index(silent.uuid) < page.index(sound.uuid)
    assert '<span class="chip error">No tools</span>' in page
    assert page.count("Ask it again") == 1
    await owner.browser.submit(f"/tools/{silent.uuid}/accept")
    page = await owner.browser.page("/tools")
    assert ("No tools" in page, "Ask it again" in page) == (False, False)
