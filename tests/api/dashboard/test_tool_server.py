"""The page of one tool server: connected, looked at, settled tool by tool, asked, read anew, changed, disconnected."""

from typing import Any

import pytest
from pydantic import SecretStr

from heartbeat.domain.secret_keys import new_key
from heartbeat.secrets.keyring import Keyring, open_headers
from heartbeat.settings import Settings
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.tables.bots import Tool
from tests.support.dashboard import Owner, make
from tests.support.pending_rows import a_tool, changed_tool
from tests.support.tool_server import ToolServer

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

SECRET = "Bearer hush-hush"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"egress_allow": ["127.0.0.1"], "secret_keys": SecretStr(new_key())})


async def the_tool(owner: Owner) -> Tool:
    return await owner.database.read(lambda c: exactly_one(c, Tool, columns(Tool).select()))


async def connected(owner: Owner, desk: ToolServer, **fields: Any) -> Tool:
    typed = {"server_label": "desk", "server_url": desk.url, "transport": "http", "require_approval": "never", **fields}
    answer = await owner.browser.submit(f"/bots/{owner.bot.uuid}/tools/new", **typed)
    tool = await the_tool(owner)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/tools/{tool.uuid}?done=connected")
    return tool


async def test_a_server_is_connected_and_its_headers_are_sealed(owner: Owner, desk: ToolServer) -> None:
    assert "Connect a tool server" in await owner.browser.page(f"/bots/{owner.bot.uuid}/tools/new")
    headers = f"Authorization: {SECRET}\r\nX-Team: desk"
    tool = await connected(owner, desk, headers=headers, risks=["private_data", "untrusted_text"])
    assert (tool.risks, tool.header_names) == (["private_data", "untrusted_text"], ["Authorization", "X-Team"])
    keyring = Keyring.from_settings(owner.settings)
    assert open_headers(keyring, tool.uuid, tool.sealed_headers) == {"Authorization": SECRET, "X-Team": "desk"}
    for path in (f"/tools/{tool.uuid}", f"/tools/{tool.uuid}/edit", f"/bots/{owner.bot.uuid}", "/tools"):
        assert "hush" not in await owner.browser.page(path)
    page = await owner.browser.page(f"/tools/{tool.uuid}")
    for words in (
        "read_note",
        "Read a note.",
        "1 argument<",
        "required",
        "Reads private data",
        "Authorization, X-Team",
    ):
        assert words in page


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("server_label", "", "Must not be empty"),
        ("server_url", "desk", "Must be an http or https address"),
        ("server_url", "http://10.0.0.1/mcp", "10.0.0.1 is"),
        ("timeout_seconds", "601", "Must be at most 600"),
        ("headers", "Authorization", "Write one a line"),
        ("headers", "Host: elsewhere", "Host is set by the connection itself"),
    ],
)
async def test_what_is_wrong_stands_at_its_field_and_what_was_typed_is_kept(
    owner: Owner, field: str, value: str, message: str
) -> None:
    typed = {"server_label": "desk", "server_url": "https://desk.example/mcp", "require_approval": "always"}
    answer = await owner.browser.submit(f"/bots/{owner.bot.uuid}/tools/new", **{**typed, field: value})
    assert answer.status_code == 400
    assert f'id="{field}-said" role="alert">{message}' in answer.text
    assert ('value="always" checked' in answer.text, value in answer.text) == (True, True)


async def test_a_name_that_is_taken_is_said_at_its_field(owner: Owner, desk: ToolServer) -> None:
    await connected(owner, desk, timeout_seconds="30", result_bytes="")
    typed = {"server_label": "desk", "server_url": desk.url, "transport": "http", "require_approval": "never"}
    answer = await owner.browser.submit(f"/bots/{owner.bot.uuid}/tools/new", **typed)
    assert answer.status_code == 409
    assert 'id="server_label-said" role="alert">This bot has a tool server called' in answer.text
    tool = await the_tool(owner)
    assert (tool.timeout_seconds, tool.result_bytes) == (30, None)
    form = await owner.browser.page(f"/tools/{tool.uuid}/edit")
    assert 'name="timeout_seconds" value="30"' in form


async def test_a_well_known_server_fills_the_form_and_says_how_one_signs_in(owner: Owner) -> None:
    path = f"/bots/{owner.bot.uuid}/tools/new"
    page = await owner.browser.page(path)
    assert f'href="{path}?template=github">GitHub</a>' in page
    assert "with a token from there" not in page
    page = await owner.browser.page(f"{path}?template=github")
    for words in (
        'value="github"',
        'value="https://api.githubcopilot.com/mcp/"',
        'value="outside_action" checked',
        "Write the header Authorization: Bearer … below, with a token from there. Or you sign in",
        "What the maker of GitHub says of it</a> (read on 28 Nov 2026)",
        f'action="{path}?template=github"',
    ):
        assert words in page
    answer = await owner.browser.submit(f"{path}?template=github", server_label="", server_url="https://desk.example")
    assert (answer.status_code, "with a token from there" in answer.text) == (400, True)
    assert "with a token from there" not in await owner.browser.page(f"{path}?template=nobody")


async def test_single_tools_are_switched_and_made_to_ask_and_those_that_are_absent_keep_asking(
    owner: Owner, desk: ToolServer
) -> None:
    tool = await connected(owner, desk)
    await owner.database.write(
        lambda c: c.execute(columns(Tool).update().values(approval_tools=["away"], require_approval="tool-specific"))
    )
    path, names = f"/tools/{tool.uuid}", [entry["name"] for entry in tool.tools]
    ticked = {"active": ["0", "1"], "asks": ["1"], "refreshed": f"{tool.refreshed_at.isoformat()}"}  # type: ignore[union-attr]
    answer = await owner.browser.submit(f"{path}/tools", require_approval="tool-specific", **ticked)
    assert answer.headers["location"] == f"{path}?done=saved"
    tool = await the_tool(owner)
    assert [entry["name"] for entry in tool.tools if entry["is_active"]] == names[:2]
    assert (tool.require_approval, tool.approval_tools) == ("tool-specific", [names[1], "away"])
    answer = await owner.browser.submit(
        f"{path}/tools", require_approval="never", refreshed="2026-01-01T00:00:00+00:00"
    )
    assert (answer.status_code, "was read anew meanwhile" in answer.text) == (409, True)
    assert (await the_tool(owner)).tools == tool.tools


async def test_it_is_asked_without_a_call_and_says_why_it_does_not_answer(owner: Owner, desk: ToolServer) -> None:
    tool = await connected(owner, desk)
    answer = await owner.browser.submit(f"/tools/{tool.uuid}/test")
    assert "desk answers, and offers 10 tools." in answer.text
    assert desk.made == []
    desk.close()
    answer = await owner.browser.submit(f"/tools/{tool.uuid}/test")
    assert (answer.status_code, "nothing listens at its address" in answer.text) == (200, True)
    assert (await the_tool(owner)).last_error is None


async def test_what_it_offers_now_is_shown_before_it_is_taken(owner: Owner, desk: ToolServer) -> None:
    tool = await connected(owner, desk)
    path = f"/tools/{tool.uuid}"
    assert (await owner.browser.submit(f"{path}/refresh")).headers["location"] == f"{path}?done=same"
    desk.changed, desk.hidden = True, {"die", "book"}
    review = await owner.browser.submit(f"{path}/refresh")
    assert ("&#34;days&#34;" in review.text, "-Book something." in review.text) == (True, True)
    assert (await the_tool(owner)).tools == tool.tools
    desk.hidden = {"die", "book", "table"}
    again = await owner.browser.submit(f"{path}/review", seen=seen(review.text))
    assert (again.status_code, "-Answers data." in again.text) == (409, True)
    assert (await the_tool(owner)).tools == tool.tools
    answer = await owner.browser.submit(f"{path}/review", seen=seen(again.text))
    assert answer.headers["location"] == f"{path}?done=accepted"
    assert [entry["name"] for entry in (await the_tool(owner)).tools] == [one.name for one in desk.tools()]


async def test_it_is_changed_switched_and_disconnected(owner: Owner, desk: ToolServer) -> None:
    tool = await connected(owner, desk, headers=f"Authorization: {SECRET}")
    path = f"/tools/{tool.uuid}"
    typed = {"server_label": "shop", "server_url": desk.url, "transport": "http"}
    for keep, names in (("keep", ["Authorization"]), ("forget", [])):
        answer = await owner.browser.submit(f"{path}/edit", **typed, keep_headers=keep)
        assert answer.headers["location"] == f"{path}?done=saved"
        tool = await the_tool(owner)
        assert (tool.server_label, tool.header_names, tool.risks) == ("shop", names, [])
    answer = await owner.browser.submit(f"{path}/edit", **typed, keep_headers="replace", headers=" ")
    assert (answer.status_code, "Write at least one" in answer.text) == (400, True)
    answer = await owner.browser.submit(f"{path}/edit", **{**typed, "server_url": ""}, keep_headers="keep")
    assert (answer.status_code, 'id="server_url-said" role="alert">Must not be empty' in answer.text) == (400, True)
    for on in ("0", "1"):
        await owner.browser.submit(f"{path}/switch", on=on)
        assert (await the_tool(owner)).is_enabled == (on == "1")
    assert "Disconnect shop?" in await owner.browser.page(f"{path}/delete")
    answer = await owner.browser.submit(f"{path}/delete")
    assert answer.headers["location"] == f"/bots/{owner.bot.uuid}?done=tool_deleted"
    assert await owner.database.read(lambda c: many(c, Tool, columns(Tool).select())) == []


async def test_whatever_a_server_wrote_is_shown_as_text(owner: Owner) -> None:
    odd = {"properties": {"<i>": "text", "when": {"type": ["string", "null"], "description": 7}}, "required": "when"}
    entry = {**changed_tool("<script>alert(1)</script>"), "input_schema": odd, "annotations": {"title": "<b>"}}
    tool = await make(owner, a_tool, tools=[entry], last_error="<img src=x>")
    page = await owner.browser.page(f"/tools/{tool.uuid}")
    assert not [bad for bad in ("<script>alert", "<img src=x>", "<i>", "<b>") if bad in page]
    assert ("string, null" in page, "changed, so not used" in page) == (True, True)


async def test_the_server_of_another_project_is_not_there(owner: Owner) -> None:
    for path in ("", "/edit", "/delete"):
        assert (await owner.browser.get(f"/tools/tool_other{path}")).status_code == 404
    for path in ("edit", "delete", "tools", "switch", "test", "refresh", "review"):
        assert (await owner.browser.submit(f"/tools/tool_other/{path}")).status_code == 404


def seen(page: str) -> str:
    """What the form on a page sends along of what was shown."""
    return page.split('name="seen" value="')[1].split('"')[0]


async def test_a_secret_of_nobody_signs_nobody_in(owner: Owner, desk: ToolServer) -> None:
    tool = await connected(owner, desk)
    answer = await owner.browser.submit(f"/tools/{tool.uuid}/sign-in", client_secret="s3cret")
    assert (answer.status_code, "s3cret" in answer.text) == (400, False)
    assert "a client_secret belongs to one" in answer.text
