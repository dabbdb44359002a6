"""The address of a gate, read through the egress guard: within bounds of time and size, and only if it has changed."""

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import httpx2

from heartbeat.domain.gates import Accepted, Answer
from heartbeat.domain.redaction import shown_address
from heartbeat.domain.text import UNSTORABLE
from heartbeat.egress.body_text import HTML, READABLE, body_text, kind_of
from heartbeat.egress.client import Guard, Resolve, guarded_client, look_up
from heartbeat.gates.values import Unusable, page_value, text_value
from heartbeat.settings import Settings

SECONDS = 20
MAX_BYTES = 2_000_000
ACCEPTED = "application/json, text/html;q=0.9, application/xhtml+xml;q=0.9, */*;q=0.8"
MAX_VALIDATOR = 500
# What servers call bytes of which they know nothing more.
UNKNOWN_KINDS = ("", "application/octet-stream", "binary/octet-stream", "application/x-ndjson", "application/yaml")


async def address_answer(
    gate: Mapping[str, Any],
    headers: Mapping[str, str],
    accepted: Accepted | None,
    settings: Settings,
    resolve: Resolve = look_up,
) -> Answer:
    """Read the address of a gate; whatever goes wrong is a failure in words. `headers` are sent to its host alone."""
    url, guard = gate["url"], Guard(settings.egress_allow, resolve)
    try:
        async with (
            guarded_client(guard, timeout=SECONDS, max_bytes=MAX_BYTES, headers=headers) as client,
            client.stream("GET", url, headers={"Accept": ACCEPTED, **_conditions(accepted)}) as response,
        ):
            return await _read(response, gate["select"], accepted)
    except httpx2.InvalidURL as problem:
        return Answer(failure=f"{shown_address(url)} is no address: {problem}.")
    except httpx2.TimeoutException:
        return Answer(failure=f"{shown_address(url)} did not answer in full within {SECONDS} s.")
    except httpx2.HTTPError as problem:
        return Answer(failure=f"{shown_address(url)} could not be read. {str(problem) or type(problem).__name__}")


def _conditions(accepted: Accepted | None) -> dict[str, str]:
    """Ask for the value only if it is not the accepted one any more."""
    if accepted is None:
        return {}
    conditions = {"If-None-Match": accepted.etag, "If-Modified-Since": accepted.last_modified}
    return {name: value for name, value in conditions.items() if value}


async def _read(response: httpx2.Response, select: str | None, accepted: Accepted | None) -> Answer:
    address = shown_address(str(response.url))
    validators = {name: _validator(response.headers.get(name)) for name in ("etag", "last-modified")}
    if response.status_code == 304 and _conditions(accepted):
        return Answer(etag=validators["etag"], last_modified=validators["last-modified"])
    if not response.is_success:
        return Answer(failure=f"{address} answered {response.status_code} {response.reason_phrase}.")
    kind, charset = kind_of(response.headers.get("content-type", "")), response.charset_encoding
    body = await response.aread()
    try:
        # In a thread: a page of the largest size keeps a processor busy for a second or more.
        text = await asyncio.to_thread(_value, body, kind, charset, select, address)
    except Unusable as problem:
        return Answer(failure=f"{address} answered. {problem}")
    return Answer(text, etag=validators["etag"], last_modified=validators["last-modified"])


def _value(body: bytes, kind: str, charset: str | None, select: str | None, address: str) -> str:
    """Raises `Unusable`."""
    if not READABLE.fullmatch(kind) and not (kind in UNKNOWN_KINDS and b"\0" not in body):
        if select is not None:
            raise Unusable(f"It is {kind or 'unknown'}, in which nothing can be selected.")
        # Of what is no text it can be told that it changed.
        return f"{kind or 'unknown'}, {len(body):,} bytes, SHA-256 {sha256(body).hexdigest()}"
    text = body_text(body, kind, charset)
    return page_value(text, address, select) if kind in HTML else text_value(text, select)


def _validator(value: str | None) -> str | None:
    """Return what the next look may ask with, if it is what a server would know again."""
    is_usable = value and len(value) <= MAX_VALIDATOR and value.isascii() and not UNSTORABLE.search(value)
    return value if is_usable else None
