"""What a gate makes of the answers of a real HTTP server, and of one that gives none."""

import gzip
from hashlib import sha256
from typing import Any

import pytest

from heartbeat.domain.gates import Accepted, Answer
from heartbeat.gates import address
from heartbeat.settings import Settings
from tests.support.guarded import Rebinding
from tests.support.peer import Answer as PeerAnswer
from tests.support.peer import Peer, drips, says, says_nothing, sends_to

PNG = b"\x89PNG\0"
JSON, PAGE = "application/json", "text/html; charset=utf-8"
SETTINGS = Settings(_env_file=None, egress_allow=["127.0.0.1"])
KNOWN = Accepted("source", 7, "digest", "text", '"v1"', "Fri, 20 Nov 2026 12:00:00 GMT")


def gate(peer: Peer, select: str | None = None) -> dict[str, Any]:
    return {"url": peer.url("/feed?token=abc"), "select": select}


async def read(answers: PeerAnswer | dict[str, PeerAnswer], select: str | None = None) -> Answer:
    """What a gate on `/feed` comes to, with the port left out of its words."""
    async with Peer(answers if isinstance(answers, dict) else {"*": answers}) as peer:
        answer = await address.address_answer(gate(peer, select), {}, None, SETTINGS)
    words = answer.failure and answer.failure.replace(f":{peer.port}", "").replace("http://127.0.0.1/", "/")
    return Answer(answer.text, words, answer.etag, answer.last_modified)


@pytest.mark.parametrize(
    ("body", "kind", "select", "text"),
    [
        (b'{"b": 1, "a": [2]}', JSON, None, '{\n "a": [\n  2\n ],\n "b": 1\n}'),
        (b'{"b": 1, "a": [2]}', "application/problem+json", "/a/0", "2"),
        (b'{"b": 1}', "", "/b", "1"),
        (b'{"b": 1}', "application/octet-stream", None, '{\n "b": 1\n}'),
        (b"<p>One</p><script>x()</script><main>Two</main>", PAGE, None, "One\n\nTwo"),
        (b"<p>One</p><main>Two</main>", PAGE, "main", "Two"),
        ("Grüße".encode("latin-1"), "text/plain; charset=iso-8859-1", None, "Grüße"),
        ("\ufeffGrüße\r\n".encode(), "text/plain", None, "Grüße"),
        (b"\xff\xfe\xff", "text/plain; charset=no-such-thing", None, "\ufffd\ufffd\ufffd"),
        (b"", "text/plain", None, ""),
        (PNG, "image/png", None, f"image/png, 5 bytes, SHA-256 {sha256(PNG).hexdigest()}"),
        (PNG, "", None, f"unknown, 5 bytes, SHA-256 {sha256(PNG).hexdigest()}"),
    ],
)
async def test_what_is_compared(body: bytes, kind: str, select: str | None, text: str) -> None:
    assert (await read(says(body, content_type=kind), select)).text == text


@pytest.mark.parametrize(
    ("answer", "select", "failure"),
    [
        (says(status="500 Internal Server Error"), None, "/feed answered 500 Internal Server Error."),
        (says(status="404 Not Found"), None, "/feed answered 404 Not Found."),
        (says(status="304 Not Modified"), None, "/feed answered 304 Not Modified."),
        (says(b"<p>One</p>", content_type=PAGE), "main", "/feed answered. The page has nothing that main names."),
        (says(b'{"a": 1}', content_type=JSON), "/b", "/feed answered. It has nothing at /b: 'b' leads nowhere."),
        (says(PNG, content_type="image/png"), "/b", "It is image/png, in which nothing can be selected."),
        (sends_to("http://169.254.169.254/latest/meta-data"), None, "Only the public internet is open"),
        (sends_to("http://10.0.0.1/"), None, "Only the public internet is open"),
        (sends_to("file:///etc/passwd"), None, "/feed could not be read."),
        (sends_to("/feed"), None, "/feed could not be read. Exceeded maximum allowed redirects."),
        (says(b"a" * 2_000_001), None, "The answer is larger than 2,000,000 bytes."),
        (says(gzip.compress(b"a" * 9_000_000), content_encoding="gzip"), None, "larger than 2,000,000 bytes."),
        (drips(b"a" * 100_000), None, "The answer is larger than 2,000,000 bytes."),
    ],
)
async def test_what_is_a_failure(answer: PeerAnswer, select: str | None, failure: str) -> None:
    read_now = await read(answer, select)
    assert failure in (read_now.failure or "")
    assert "abc" not in (read_now.failure or "")
    assert read_now.text is None


@pytest.mark.parametrize("answer", [says_nothing, drips(b"a", every=0.05)])
async def test_who_takes_too_long_is_left(answer: PeerAnswer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "SECONDS", 0.2)
    assert (await read(answer)).failure == "/feed did not answer in full within 0.2 s."


async def test_a_name_that_leads_inside_is_refused() -> None:
    resolve = Rebinding("10.0.0.1", "10.0.0.1")
    refused = await address.address_answer({"url": "http://example.com/", "select": None}, {}, None, SETTINGS, resolve)
    assert (refused.failure or "").startswith("http://example.com/ could not be read. example.com leads to")


async def test_it_is_asked_for_only_if_it_changed() -> None:
    async with Peer({"*": says(b"", "304 Not Modified", etag='"v1"')}) as peer:
        answer = await address.address_answer(gate(peer), {"Authorization": "Bearer abc"}, KNOWN, SETTINGS)
        assert answer == Answer(etag='"v1"')
        asked = peer.asked[0].headers
        assert asked["if-none-match"] == '"v1"'
        assert asked["if-modified-since"] == "Fri, 20 Nov 2026 12:00:00 GMT"
        assert asked["authorization"] == "Bearer abc"
        assert "token" in peer.asked[0].path


@pytest.mark.parametrize(("etag", "kept"), [('W/"2"', 'W/"2"'), ('"' + "a" * 500 + '"', None), ("", None)])
async def test_what_the_next_look_may_ask_with(etag: str, kept: str | None) -> None:
    answer = await read(says(b"a", etag=etag, last_modified="Fri, 20 Nov 2026 12:00:00 GMT"))
    assert (answer.etag, answer.last_modified) == (kept, "Fri, 20 Nov 2026 12:00:00 GMT")


async def test_headers_stay_with_the_host_that_they_are_for() -> None:
    async with Peer({"*": says(b"moved")}) as other, Peer({"*": sends_to(other.url("/new"))}) as peer:
        answer = await address.address_answer(gate(peer), {"X-Key": "abc"}, KNOWN, SETTINGS)
        assert (answer.text, peer.asked[0].headers["x-key"]) == ("moved", "abc")
        assert not {"x-key", "if-none-match"} & other.asked[0].headers.keys()
