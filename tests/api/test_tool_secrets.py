"""What a tool server knows us by, headers and the query of its address: sent to it alone, and never shown."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from temporalio.client import Client

from heartbeat.domain.secret_keys import new_key
from heartbeat.secrets.key_file import make_key_file
from heartbeat.secrets.keyring import Keyring, open_url
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, exactly_one
from heartbeat.store.tables.bots import Tool
from tests.support.api import Api, error_of, wrong_fields
from tests.support.tool_owner import AUTHORISATION, ask, connect, read, shop_with
from tests.support.tool_server import ToolServer

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


async def test_headers_let_us_in_and_are_never_shown(shop: Api, locked_desk: ToolServer) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, locked_desk.url, headers={"Authorization": "Bearer wrong"})
    assert "does not let us in (HTTP 401)" in tool["last_error"]
    path, which = f"/tool/{tool['id']}", {"bot_id": bot["id"]}
    headers = {"Authorization": AUTHORISATION, "X-Tenant": "seven"}
    right = (await shop.put(path, **which, headers=headers)).json()["tool"]
    assert (right["last_error"], right["headers"]) == (None, {})
    assert right["header_names"] == ["Authorization", "X-Tenant"]
    assert len(right["tools"]) == len(locked_desk.tools())

    # What was read may be written back as it is.
    assert (await shop.put(path, **which, **right)).json()["tool"]["header_names"] == right["header_names"]
    assert (await ask(shop, bot, tool, "test")).json()["success"] is True
    none = (await shop.put(path, **which, headers=None)).json()["tool"]
    assert (none["header_names"], len(none["tools"])) == ([], len(locked_desk.tools()))
    assert "401" in (await ask(shop, bot, tool, "test")).json()["message"]


async def test_headers_go_to_no_other_host_than_they_were_given_for(
    shop: Api, desk: ToolServer, locked_desk: ToolServer
) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, locked_desk.url, headers={"Authorization": AUTHORISATION})
    path, which = f"/tool/{tool['id']}", {"bot_id": bot["id"]}
    for elsewhere in (desk.url, locked_desk.url.replace("http:", "https:"), locked_desk.url.replace(".1:", ".1.:")):
        refused = await shop.put(path, **which, server_url=elsewhere)
        assert wrong_fields(refused) == ["headers"]
    assert wrong_fields(await shop.put(path, **which, server_url=desk.url, headers={})) == ["headers"]
    assert await read(shop, bot, tool) == tool
    same_host = (await shop.put(path, **which, server_url=f"{locked_desk.url}?v=2")).json()["tool"]
    assert (same_host["header_names"], same_host["last_error"]) == (["Authorization"], None)
    moved = (await shop.put(path, **which, server_url=desk.url, headers=None)).json()["tool"]
    assert (moved["server_url"], moved["header_names"], moved["last_error"]) == (desk.url, [], None)


async def test_without_a_key_headers_are_refused_and_the_rest_works(
    shared_database: Database, temporal: Client, tmp_path: Path, desk: ToolServer
) -> None:
    async with shop_with(shared_database, temporal, tmp_path) as api:
        bot = await api.bot()
        refused = await api.post(
            "/tool",
            bot_id=bot["id"],
            server_label="desk",
            server_url=desk.url,
            transport="http",
            headers={"Authorization": AUTHORISATION},
        )
        assert (wrong_fields(refused), error_of(refused, 400)["code"]) == (["headers"], "no_secret_key")
        assert "HEARTBEAT_SECRET_KEYS" in refused.text
        tool = await connect(api, bot, desk.url, headers={})
        assert len(tool["tools"]) == len(desk.tools())
        changed = await api.put(f"/tool/{tool['id']}", bot_id=bot["id"], headers={"X-Key": "canary"})
        assert (wrong_fields(changed), "canary" in changed.text) == (["headers"], False)
        # The embedded stack makes its key file at the first start.
        make_key_file(tmp_path)
        changed = await api.put(f"/tool/{tool['id']}", bot_id=bot["id"], headers={"X-Key": "canary"})
        assert changed.json()["tool"]["header_names"] == ["X-Key"]


async def test_headers_of_a_key_that_is_gone_are_said_to_be(
    shared_database: Database, temporal: Client, tmp_path: Path, locked_desk: ToolServer
) -> None:
    lost, current = new_key(), new_key()
    async with shop_with(shared_database, temporal, tmp_path, secret_keys=f"{lost},{current}") as api:
        bot = await api.bot()
        tool = await connect(api, bot, locked_desk.url, headers={"Authorization": AUTHORISATION})
        api.settings.secret_keys = type(api.settings.secret_keys)(current)
        said = (await ask(api, bot, tool, "test")).json()
        assert said["success"] is False
        assert f"sealed with the key '{lost.partition(':')[0]}'" in said["message"]
        assert error_of(await ask(api, bot, tool, "refresh"), 400)["message"] == said["message"]
        assert (await read(api, bot, tool))["last_error"] == said["message"]
        mended = await api.put(f"/tool/{tool['id']}", bot_id=bot["id"], headers={"Authorization": AUTHORISATION})
        assert mended.status_code == 200
        assert (await ask(api, bot, tool, "test")).json()["success"] is True


async def test_the_query_of_an_address_is_a_secret(shop: Api, desk: ToolServer) -> None:
    bot, keyring = await shop.bot(), Keyring.from_settings(shop.settings)
    whole = f"{desk.url}?token=canary-of-the-query"
    tool = await connect(shop, bot, whole)
    assert (tool["server_url"], tool["has_query"], tool["last_error"]) == (desk.url, True, None)

    async def stored() -> Tool:
        table = columns(Tool)
        query = select(table).where(table.c.uuid == tool["id"])
        return await shop.database.read(lambda connection: exactly_one(connection, Tool, query))

    row = await stored()
    assert "canary" not in str(row)
    assert open_url(keyring, row.uuid, row.sealed_url, row.server_url) == whole
    # As a client sends back what it was shown.
    await shop.put(f"/tool/{tool['id']}", bot_id=bot["id"], server_url=desk.url, server_label="Desk")
    assert (await stored()).sealed_url == row.sealed_url
    forgotten = (await shop.put(f"/tool/{tool['id']}", bot_id=bot["id"], server_url=f"{desk.url}?")).json()["tool"]
    assert (forgotten["server_url"], forgotten["has_query"]) == (desk.url, False)
    assert (await stored()).sealed_url is None


async def test_a_query_without_a_key_is_refused(shared_database: Database, temporal: Client, tmp_path: Path) -> None:
    async with shop_with(shared_database, temporal, tmp_path) as api:
        bot = await api.bot()
        fields = {"server_label": "desk", "server_url": "https://desk.example/mcp?token=canary", "transport": "http"}
        refused = await api.post("/tool", bot_id=bot["id"], **fields)
        assert (wrong_fields(refused), error_of(refused, 400)["code"]) == (["server_url"], "no_secret_key")
        assert "canary" not in refused.text
