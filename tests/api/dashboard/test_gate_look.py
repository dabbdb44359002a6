"""Look now: the gate of a form, read from a real server and shown beside what was accepted; nothing is kept."""

from collections.abc import AsyncIterator
from html import unescape

import pytest
from sqlalchemy import Connection, update

from heartbeat.domain.gates import Gate, Look, source_of
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.gates import accept_reading, readings_of, record_reading
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.dashboard import Owner
from tests.support.heartbeat_form import fields_of, send
from tests.support.past_runs import a_run
from tests.support.peer import Peer, says
from tests.support.seeds import NOW, heartbeat_row

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

PAGE = b"<title>Prices</title><main><p>Tea 3 &euro;</p><p>&lt;script&gt;</p></main><p>17:05</p>"


@pytest.fixture
async def peer(owner: Owner) -> AsyncIterator[Peer]:
    owner.settings.egress_allow = ["127.0.0.1"]
    html = {"/prices": says(PAGE, content_type="text/html; charset=utf-8")}
    async with Peer({**html, "/down": says(status="500 Internal Server Error")}) as peer:
        yield peer


async def looked(owner: Owner, **fields: str) -> str:
    answer = await send(owner, "/heartbeats/look", fields_of(owner, **fields, beside="1"))
    assert answer.status_code == 200, answer.text
    return unescape(answer.text.split("<main")[1])


async def accept(owner: Owner, gate: Gate, text: str) -> None:
    """Keep this gate with the heartbeat, and this text as the value of its last successful run."""
    heartbeat = columns(Heartbeat)

    def write(connection):
        kept = gate.kept() | {"id": None, "header_names": []}
        connection.execute(update(heartbeat).values(gate=kept))
        row = heartbeat_row(connection, owner.heartbeat.uuid)
        look = Look("first", source_of(kept), digest="0" * 64, text=text)
        accept_reading(connection, row.id, record_reading(connection, row, look, NOW), NOW)

    await owner.database.write(write)


async def test_what_is_there_is_shown_of_a_bot_that_is_there_or_not(owner: Owner, peer: Peer) -> None:
    for bot in (owner.bot.uuid, "new"):
        page = await looked(owner, bot_id=bot, gate_source="url", gate_url=peer.url("/prices"), gate_select="main")
        assert "The first tick would run with what is there." in page
        assert "Tea 3 €\n\n<script></div>" in page
        assert "17:05" not in page
    assert await owner.database.read(lambda c: readings_of(c, owner.heartbeat)) == []


async def test_what_changed_is_shown_beside_what_was_accepted(owner: Owner, peer: Peer) -> None:
    gate = Gate(url=peer.url("/prices"), select="main")
    await accept(owner, gate, "Tea 2 €\n\n<script>")
    fields = {"uuid": owner.heartbeat.uuid, "gate_source": "url", "gate_url": gate.url, "gate_select": "main"}
    page = await looked(owner, **fields)
    assert "A tick would run, and begin with what changed." in page
    assert "-Tea 2 €\n+Tea 3 €" in page
    assert "There is nothing yet to compare it with." in await looked(owner, **{**fields, "gate_select": "p"})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"gate_source": "url", "gate_url": "/down"}, "answered 500 Internal Server Error"),
        ({"gate_source": "url", "gate_url": "/down", "gate_on_error": "skip"}, "A tick would be skipped."),
        ({"gate_source": "url", "gate_url": "/prices", "gate_select": "/a"}, "a page takes a CSS selector"),
        ({"gate_source": "tool", "gate_tool": "no__tool"}, "There is no tool no__tool here"),
        ({"gate_source": "tool", "gate_tool": "x__y", "bot_id": "new"}, "still to be made has no tools yet"),
        ({"gate_source": "url", "gate_url": "ftp://x"}, "Must be an http or https address"),
        ({}, "Choose where to look"),
    ],
)
async def test_what_cannot_be_read_is_said(owner: Owner, peer: Peer, fields: dict[str, str], words: str) -> None:
    if fields.get("gate_url", "").startswith("/"):
        fields = fields | {"gate_url": peer.url(fields["gate_url"])}
    page = await looked(owner, **fields)
    assert words in page, page[:900]


async def test_the_page_of_a_heartbeat_says_how_often_nothing_was_new_and_lists_what_ran(owner: Owner) -> None:
    await accept(owner, Gate(url="https://example.com/prices?key=secret", select="main"), "Tea 3 €")

    def seed(connection: Connection) -> None:
        for number in range(45):
            a_run(connection, owner.heartbeat, "skipped", skip_reason="unchanged" if number % 9 else "overlap")
        for status in ("error", "success", "cancelled"):
            a_run(connection, owner.heartbeat, status)

    await owner.database.write(seed)
    page = unescape(await owner.browser.page(f"/heartbeats/{owner.heartbeat.uuid}"))
    news = page.split('id="news">')[1].split("<")[0]
    assert news == "In 30 days: 48 ticks, 3 runs, 40 times nothing new, 5 skipped."
    assert "https://example.com/prices" in page.split('id="gate"')[1]
    assert "secret" not in page
    listed = page.split('id="runs"')[1].split("</section>")[0]
    assert [name for name in ("Success", "Error", "Cancelled") if name not in listed] == []
    assert listed.count('href="/runs/') == 3
    assert f'href="/runs?heartbeat_id={owner.heartbeat.uuid}"' in listed
