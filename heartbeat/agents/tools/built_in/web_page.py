"""The built-in tool `web_fetch`: a page of the web as text, fetched through the egress guard."""

import asyncio
import codecs
import re

import httpx2

from heartbeat.agents.tools.built_in.html_text import html_to_text
from heartbeat.agents.tools.definitions import ToolResult
from heartbeat.domain.text import cut_bytes
from heartbeat.egress.client import Guard, Resolve, guarded_client, look_up
from heartbeat.settings import Settings

MAX_BYTES = 2_000_000
HTML = ("text/html", "application/xhtml+xml")
ACCEPTED = "text/html, application/xhtml+xml, application/json;q=0.9, application/xml;q=0.9, text/*;q=0.8"
READABLE = re.compile(r"text/.+|application/(.+\+)?(json|xml)")
# No others: some of Python's codecs unpack what is packed, and some take time by the square of the text.
CHARSETS = re.compile(r"(utf-(8|16|32)|ascii|iso8859|iso2022|cp|mac|koi8|big5|gb|euc_|shift_jis|tis).*")
CHARSET_IN_HTML = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)


async def fetch(url: str, settings: Settings, resolve: Resolve = look_up) -> ToolResult:
    """Read the page at `url` as text, cut to `settings.tool_result_bytes`; a failure tells the model what happened."""
    guard = Guard(settings.egress_allow, resolve)
    seconds = settings.tool_timeout_seconds
    try:
        async with (
            guarded_client(guard, timeout=seconds, max_bytes=MAX_BYTES) as client,
            client.stream("GET", url, headers={"Accept": ACCEPTED}) as response,
        ):
            return await _read(response, settings.tool_result_bytes)
    except httpx2.InvalidURL as problem:
        return ToolResult("failed", f"{url!r} is no web address: {problem}")
    except httpx2.TimeoutException:
        return ToolResult("failed", f"{url} did not answer in full within {seconds} s.")
    except httpx2.HTTPError as problem:
        return ToolResult("failed", f"{url} could not be fetched. {str(problem) or type(problem).__name__}")


async def _read(response: httpx2.Response, max_bytes: int) -> ToolResult:
    if not response.is_success:
        return ToolResult("failed", f"{response.url} answered {response.status_code} {response.reason_phrase}.")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not READABLE.fullmatch(kind):
        reason = f"{response.url} is {kind or 'of no content type'}"
        return ToolResult("failed", f"{reason}; web_fetch reads HTML, other text, JSON and XML.")
    body = await response.aread()
    # In a thread: a page of the largest size keeps a processor busy for a second or more.
    text = await asyncio.to_thread(_text, body, kind, response.charset_encoding, str(response.url))
    moved = f"(Redirected to {response.url})\n\n" if response.history else ""
    return ToolResult("ok", cut_bytes(moved + (text or "(There is no text on this page.)"), max_bytes))


def _text(body: bytes, kind: str, charset: str | None, address: str) -> str:
    html = kind in HTML
    if charset is None and html and (named := CHARSET_IN_HTML.search(body[:1024])):
        charset = named[1].decode("ascii")
    text = body.decode(_codec(charset), errors="replace").removeprefix("\ufeff")
    return html_to_text(text, address) if html else text


def _codec(charset: str | None) -> str:
    try:
        codec = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError):
        return "utf-8"
    return codec if CHARSETS.fullmatch(codec) else "utf-8"
