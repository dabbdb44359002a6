"""The built-in tool `web_fetch`: what a model is told of a page, and of one that cannot be had."""

import gzip
from pathlib import Path

import pytest

from heartbeat.agents.tools.built_in import web_page
from heartbeat.agents.tools.built_in.html_text import html_to_text
from heartbeat.agents.tools.definitions import ToolResult
from heartbeat.settings import Settings
from tests.support.patience import PATIENCE
from tests.support.peer import Answer, Peer, drips, says, says_nothing, sends_to

PAGES = Path(__file__).parents[3] / "support"
PAGE = (PAGES / "page.html").read_bytes()
READ = (PAGES / "page.txt").read_text()


async def fetch(answers: Answer | dict[str, Answer], path: str = "/", **settings: int) -> ToolResult:
    known = answers if isinstance(answers, dict) else {"*": answers}
    async with Peer(known) as peer:
        allowed = Settings(_env_file=None, egress_allow=["127.0.0.1"], **settings)
        called = await web_page.fetch(peer.url(path), allowed)
        return ToolResult(called.outcome, called.text.replace(f":{peer.port}", ""))


async def test_a_page_is_read_as_a_person_reads_it() -> None:
    assert await fetch(says(PAGE, content_type="text/html; charset=utf-8"), "/a/b") == ToolResult("ok", READ.strip())


@pytest.mark.parametrize(
    "kind", ["text/plain", "text/csv", "application/json", "application/problem+json; x=y", "Application/RSS+XML"]
)
async def test_other_text_is_given_as_it_is(kind: str) -> None:
    assert await fetch(says(b'{"a": [1,  2]}\n', content_type=kind)) == ToolResult("ok", '{"a": [1,  2]}\n')


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "application/zip", "application/jsonx", ""])
async def test_what_is_no_text_is_refused_with_a_word(kind: str) -> None:
    called = await fetch(says(b"\x89PNG", content_type=kind))
    assert called.outcome == "failed"
    assert called.text.endswith(f"is {kind or 'of no content type'}; web_fetch reads HTML, other text, JSON and XML.")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("Grüße, 世界".encode(), "text/plain"),
        ("\ufeffGrüße, 世界".encode(), "text/html"),
        ("Grüße, 世界".encode("gb18030"), "text/plain; charset=GB18030"),
        ("<meta charset='gb18030'>Grüße, 世界".encode("gb18030"), "text/html"),
        ("Grüße, 世界".encode("utf-16"), "text/html; charset=utf-16"),
        ("Grüße, 世界".encode(), "text/plain; charset=no-such-thing"),
        # Codecs of Python's that unpack, or take for ever
        ("Grüße, 世界".encode(), "text/plain; charset=zlib_codec"),
        ("Grüße, 世界".encode(), "text/plain; charset=punycode"),
        ("Grüße, 世界".encode(), "text/plain; charset=undefined"),
    ],
)
async def test_words_are_decoded_as_the_page_says(body: bytes, kind: str) -> None:
    assert (await fetch(says(body, content_type=kind))).text == "Grüße, 世界"


async def test_a_long_page_is_cut_and_the_cut_is_said() -> None:
    called = await fetch(says("ä".encode() * 5_000), tool_result_bytes=1_024)
    assert called.outcome == "ok"
    assert called.text.startswith("ä" * 400)
    assert "10,000 bytes" in called.text
    assert len(called.text.encode()) < 1_200


async def test_a_redirect_is_followed_and_said() -> None:
    called = await fetch({"/": sends_to("/new"), "/new": says(b"<a href=x>there</a>", content_type="text/html")})
    assert called.text == "(Redirected to http://127.0.0.1/new)\n\n[there](http://127.0.0.1/x)"


async def test_a_page_without_words_says_so() -> None:
    assert (await fetch(says(b"<img src=x>", content_type="text/html"))).text == "(There is no text on this page.)"


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (says(b"gone", "404 Not Found"), "answered 404 Not Found."),
        (says(b"", "304 Not Modified"), "answered 304 Not Modified."),
        (sends_to("/"), "redirects"),
        (sends_to("ftp://example.com/"), "Only http and https"),
        (sends_to("http://[::1"), "Invalid URL in location header"),
        (drips(b"x" * 65_536), "larger than 2,000,000 bytes"),
    ],
)
async def test_what_stands_in_the_way_is_said(answer: Answer, word: str) -> None:
    called = await fetch(answer, tool_timeout_seconds=PATIENCE)
    assert called.outcome == "failed"
    assert word in called.text


async def test_what_unpacks_to_too_much_is_said() -> None:
    called = await fetch(says(gzip.compress(bytes(50_000_000)), content_encoding="gzip"))
    assert called.outcome == "failed"
    assert "larger than 2,000,000 bytes" in called.text


@pytest.mark.parametrize("answer", [drips(b"x", every=0.05), says_nothing], ids=["drips", "silent"])
async def test_an_answer_that_does_not_end_is_left(answer: Answer) -> None:
    called = await fetch(answer, tool_timeout_seconds=1)
    assert called.outcome == "failed"
    assert "did not answer in full within 1 s" in called.text


async def test_a_server_that_is_away_is_said() -> None:
    async with Peer({}) as peer:
        url = peer.url()
    called = await web_page.fetch(url, Settings(_env_file=None, egress_allow=["127.0.0.1"]))
    assert called == ToolResult("failed", f"{url} could not be fetched. All connection attempts failed")


@pytest.mark.parametrize("piece", ["<", "<a ", "<!--", "<p>x", "<svg>", "<a href=x>", "</", "<a x='", "&", "<title>"])
def test_a_large_page_of_broken_markup_is_read_to_its_end(piece: str) -> None:
    """How long that takes is measured by `bench`."""
    page = "<p>first</p>" + (piece * 500_000)[:500_000]
    assert html_to_text(page, "http://example.com/").startswith("first")


def test_a_declaration_nobody_knows_is_a_comment() -> None:
    assert html_to_text("before <![what> after", "http://example.com/") == "before after"
