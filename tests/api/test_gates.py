"""Gates over HTTP: set, shown without their secrets, refused by field, and asked by a trigger."""

from typing import Any

from heartbeat.secrets.gates import open_gate_headers
from heartbeat.secrets.keyring import Keyring
from heartbeat.store.projects.sealed_secrets import sealed_texts
from tests.support.api import Api, error_of, wrong_fields
from tests.support.rows import every_row
from tests.support.seeds import heartbeat_row
from tests.support.tool_owner import connect
from tests.support.tool_server import ToolServer

URL = "https://example.com/feed.json"
SECRET = {"Authorization": "Bearer canary"}


async def configure(api: Api, bot: dict[str, Any], gate: object, **fields: Any) -> Any:
    return await api.post("/heartbeat/configure", bot_id=bot["id"], prompt="Check.", gate=gate, **fields)


async def test_a_gate_is_kept_shown_and_cleared(shop: Api) -> None:
    bot = await shop.bot()
    answer = await configure(shop, bot, {"url": URL, "select": "/items", "headers": SECRET, "on_first": "skip"})
    assert "canary" not in answer.text
    heartbeat = answer.json()["heartbeat"]
    assert heartbeat["gate"] == {
        "url": URL,
        "select": "/items",
        "tool": None,
        "arguments": None,
        "on_error": "run",
        "on_first": "skip",
        "headers": {},
        "header_names": ["Authorization"],
    }
    row = await shop.database.read(heartbeat_row, heartbeat["uuid"])
    assert row.gate is not None
    keyring = Keyring.from_settings(shop.settings)
    assert open_gate_headers(keyring, row.gate["id"], row.sealed_gate_headers) == SECRET
    [(name, sealed)] = [one for one in await shop.database.read(sealed_texts) if one[0].startswith("gate:")]
    assert keyring.open(sealed, name) == '{"Authorization": "Bearer canary"}'
    # What was read may be written back as it is, and what is left out stays.
    for fields in ({"gate": heartbeat["gate"]}, {"label": "Feed"}):
        again = await shop.post("/heartbeat/configure", bot_id=bot["id"], prompt="Check.", **fields)
        assert again.json()["heartbeat"]["gate"] == heartbeat["gate"]
    elsewhere = await configure(shop, bot, {"url": "https://example.org/"})
    assert wrong_fields(elsewhere) == ["gate.headers"]
    assert (await configure(shop, bot, None)).json()["heartbeat"]["gate"] is None


async def test_a_task_has_one_too(shop: Api) -> None:
    bot = await shop.bot()
    daily = {"schedule_type": "daily", "schedule_config": {"time": "09:00"}}
    gate = {"url": URL, "headers": SECRET}
    answer = await shop.post("/task/create", bot_id=bot["id"], name="Feed", prompt="Check.", gate=gate, **daily)
    assert answer.json()["task"]["gate"]["header_names"] == ["Authorization"]


WRONG: list[tuple[object, str]] = [
    ({"url": "http://10.0.0.1/"}, "gate.url"),
    ({"url": "http://;F"}, "gate.url"),
    ({"url": "ftp://example.com"}, "gate.url"),
    ({"url": URL, "select": "a:has(b)"}, "gate.select"),
    ({"url": URL, "headers": {"Host": "a"}}, "gate.headers"),
    ({"url": URL, "on_first": "wait"}, "gate.on_first"),
    ({"url": URL, "every": 5}, "gate.every"),
    ({}, "gate"),
    ("https://example.com", "gate"),
]


async def test_what_is_wrong_is_said_at_its_field(shop: Api) -> None:
    bot = await shop.bot()
    with every_row() as row:
        for gate, field in WRONG:
            with row(gate):
                assert wrong_fields(await configure(shop, bot, gate)) == [field]


async def test_a_tool_that_acts_is_refused(shop: Api, desk: ToolServer) -> None:
    bot = await shop.bot()
    await connect(shop, bot, desk.url, server_label="desk")
    assert wrong_fields(await configure(shop, bot, {"tool": "desk__book"})) == ["gate.tool"]
    for tool in ("desk__read_note", "operators__own"):
        assert (await configure(shop, bot, {"tool": tool})).status_code == 200


async def test_without_a_key_there_are_no_headers(api: Api) -> None:
    refused = await configure(api, await api.bot(), {"url": URL, "headers": SECRET})
    assert (wrong_fields(refused), error_of(refused, 400)["code"]) == (["gate.headers"], "no_secret_key")
