"""The built-in tool `web_fetch`: a page of the web as text, fetched through the egress guard."""

import asyncio

import httpx2

from heartbeat.agents.tools.built_in.html_text import html_to_text
from heartbeat.agents.tools.definitions import ToolResult
from heartbeat.domain.text import cut_bytes
from heartbeat.egress.body_text import HTML, READABLE, body_text, kind_of
from heartbeat.egress.client import Guard, Resolve, guarded_client, look_up
from heartbeat.settings import Settings

MAX_BYTES = 2_000_000
ACCEPTED = "text/html, application/xhtml+xml, application/json;q=0.9, application/xml;q=0.9, text/*;q=0.8"


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
    kind = kind_of(response.headers.get("content-type", ""))
    if not READABLE.fullmatch(kind):
        reason = f"{response.url} is {kind or 'of no content type'}"
        return ToolResult("failed", f"{reason}; web_fetch reads HTML, other text, JSON and XML.")
    body = await response.aread()
    # In a thread: a page of the largest size keeps a processor busy for a second or more.
    text = await asyncio.to_thread(_text, body, kind, response.charset_encoding, str(response.url))
    moved = f"(Redirected to {response.url})\n\n" if response.history else ""
    return ToolResult("ok", cut_bytes(moved + (text or "(There is no text on this page.)"), max_bytes))


def _text(body: bytes, kind: str, charset: str | None, address: str) -> str:
    text = body_text(body, kind, charset)
    return html_to_text(text, address) if kind in HTML else text
