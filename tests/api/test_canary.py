"""A secret goes in and never comes out: not in an answer, not in a log, not in the database, whatever goes wrong."""

import contextlib
import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from temporalio.client import Client

from heartbeat.domain.secret_keys import new_key
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.bots import Tool
from tests.support.api import Api
from tests.support.authorization_server import AuthorizationServer, Fault
from tests.support.databases import everything
from tests.support.secret_forms import forms
from tests.support.tool_owner import ask, shop_with
from tests.support.tool_server import ToolServer

CANARY = "canary7f3a91c2"
HEADERS = {"Authorization": f"Bearer {CANARY}", "X-Key": CANARY}


class Listening:
    """Makes calls that carry the canary, and keeps every byte of what was answered."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.heard: list[str] = []

    async def call(self, method: str, path: str, status: int, **fields: Any) -> Any:
        answer = await self.api.call(method, path, fields)
        return self._kept(answer, status)

    async def ask(self, bot: dict, tool: dict, call: str, status: int = 200) -> None:
        self._kept(await ask(self.api, bot, tool, call), status)

    async def raw(self, method: str, path: str, body: str, status: int, **headers: str) -> None:
        all_headers = {"authorization": f"Bearer {self.api.key}", "content-type": "application/json", **headers}
        answer = await self.api.http.request(method, f"/v1/bot{path}", content=body, headers=all_headers)
        self._kept(answer, status)

    def _kept(self, answer: httpx.Response, status: int) -> Any:
        assert answer.status_code == status, answer.text
        self.heard.append(f"{answer.headers}\n{answer.text}")
        return answer.json()


async def test_no_canary_is_ever_seen_again(
    database: Database,
    temporal: Client,
    tmp_path: Path,
    desk: ToolServer,
    locked_desk: ToolServer,
    down: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    keys = new_key()
    async with shop_with(database, temporal, tmp_path, secret_keys=keys) as api:
        listening, bot = Listening(api), await api.bot()
        tool = await everyday_use(listening, bot, desk, locked_desk, down)
        await mistakes(listening, bot, tool)
        api.settings.secret_keys = type(api.settings.secret_keys)(new_key())
        await listening.ask(bot, tool, "test")
        await listening.ask(bot, tool, "refresh", 400)

    sealed = database.read_now(lambda c: c.execute(select(columns(Tool).c.sealed_headers)).scalars().all())
    assert len([text for text in sealed if text]) == 3
    # What to look in is what it should be: names are there, and what was sealed is.
    rows, said = everything(database), "\n".join(listening.heard)
    assert b"X-Key" in rows
    assert (sealed[0] or "").encode() in rows
    assert "X-Key" in said
    assert "/v1/bot/tool" in caplog.text or "http://api.test" in caplog.text
    for form in forms(CANARY):
        assert form not in rows
        assert form not in said.encode()
        assert form not in caplog.text.encode()
    assert keys.partition(":")[2] not in said + caplog.text + str(rows)


async def everyday_use(
    listening: Listening, bot: dict, desk: ToolServer, locked_desk: ToolServer, down: str
) -> dict[str, Any]:
    which = {"bot_id": bot["id"]}
    server = {**which, "server_label": "desk", "transport": "http", "headers": HEADERS}
    tool = (await listening.call("POST", "/tool", 200, **server, server_url=desk.url))["tool"]
    locked = {**server, "server_label": "locked", "server_url": locked_desk.url}
    refused = (await listening.call("POST", "/tool", 200, **locked))["tool"]
    config = {"url": down, "headers": HEADERS}
    lost = (await listening.call("POST", "/tool", 200, **which, name="lost", config=config))["tool"]
    for one in (tool, refused, lost):
        await listening.call("GET", f"/tool/{one['id']}", 200, **which)
        await listening.call("PUT", f"/tool/{one['id']}", 200, **which, headers={**HEADERS, "X-More": CANARY})
        await listening.ask(bot, one, "test")
        await listening.ask(bot, one, "refresh", 200 if one is tool else 400)
    await listening.call("PUT", f"/tool/{tool['id']}/configure", 200, **which, tools=[{"name": "book", "is_active": 0}])
    body = json.dumps({"project_id": listening.api.project.uuid, **server, "server_url": desk.url})
    for _ in range(2):
        await listening.raw("POST", "/tool", body.replace(CANARY, f"{CANARY} é"), 400, **{"idempotency-key": "k1"})
    await listening.call("GET", "/tool", 200, **which)
    return dict(tool)


async def mistakes(listening: Listening, bot: dict, tool: dict) -> None:
    which = {"bot_id": bot["id"]}
    path = f"/tool/{tool['id']}"
    for headers in (CANARY, [CANARY], {CANARY + ":": "x"}, {"X": [CANARY]}, {"X": f"{CANARY}\n"}, {"Host": CANARY}):
        await listening.call("PUT", path, 400, **which, headers=headers)
        await listening.call("PUT", path, 400, **which, config={"headers": headers})
    await listening.call("PUT", path, 400, **which, headers=HEADERS, server_url="http://10.0.0.1/mcp")
    await listening.call("PUT", path, 400, **which, headers=HEADERS, server_url=f"https://{CANARY}:{CANARY}@x.test/")
    await listening.call("PUT", "/tool/tool_no", 404, **which, headers=HEADERS)
    await listening.call("PUT", path, 404, bot_id="bot_no", headers=HEADERS)
    await listening.call("PUT", path, 403, project_id="proj_no", **which, headers=HEADERS)
    await listening.raw("PUT", path, '{"headers": {"X-Key": "' + CANARY, 400)
    await listening.raw("PUT", path, json.dumps({"headers": HEADERS}), 401, authorization="Bearer nobody")
    await listening.raw("PUT", path, json.dumps({"headers": HEADERS}), 415, **{"content-type": "text/plain"})


async def test_what_a_sign_in_leaves_is_never_seen_again(
    database: Database, temporal: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Tokens, the secret of our client, and the verifier."""
    caplog.set_level(logging.DEBUG)
    # The authorization server is not ours, and logs what it issues.
    caplog.set_level(logging.CRITICAL, "authlib")
    with (
        contextlib.closing(AuthorizationServer()) as authorization,
        contextlib.closing(ToolServer(authorization=authorization)) as desk,
    ):
        back = {
            "redirect_uris": ["http://127.0.0.1:8400/oauth/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
        }
        authorization.add_client("me", CANARY, token_endpoint_auth_method="client_secret_basic", **back)
        async with shop_with(database, temporal, tmp_path, secret_keys=new_key(), port=8400) as api:
            listening, bot = Listening(api), await api.bot()
            which = {"bot_id": bot["id"]}
            server = {**which, "server_label": "desk", "server_url": desk.url, "client_id": "me"}
            new = await listening.call("POST", "/tool", 200, **server, client_secret=CANARY)
            location = httpx.URL(authorization.approve(new["authorize_url"]))
            authorization.fault = Fault(400, json.dumps({"error": "invalid_grant", "error_description": CANARY}))
            page = await api.http.get("/oauth/callback", params=location.params)
            listening.heard.append(page.text)
            authorization.fault = None
            again = await listening.call("POST", f"/tool/{new['tool']['id']}/connect", 200, **which)
            location = httpx.URL(authorization.approve(again["authorize_url"]))
            page = await api.http.get("/oauth/callback", params=location.params)
            listening.heard.append(page.text)
            assert "desk is connected" in page.text
            for call in ("test", "refresh"):
                await listening.ask(bot, new["tool"], call)
            await listening.call("GET", "/tool", 200, **which)
            await listening.call("POST", "/tool", 400, **server, client_secret=f"{CANARY}\n")
        [token] = authorization.register.tokens
        secrets = [token.access_token, token.refresh_token or "", authorization.token_requests[-1]["code_verifier"]]

    rows, said = everything(database), "\n".join(listening.heard)
    assert b"notes:read" in rows
    for secret in [CANARY, *secrets]:
        assert len(secret) >= 10
        for form in forms(secret):
            assert form not in rows
            assert form not in said.encode()
            assert form not in caplog.text.encode()
