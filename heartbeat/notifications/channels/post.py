"""One HTTP request with a message, through the guarded client, and what the answer means for the message."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from heartbeat.egress.capped import TooLarge
from heartbeat.egress.client import Closed, Guard, guarded_client
from heartbeat.notifications.channels.message import Gone, NotNow, Rejected
from heartbeat.notifications.channels.texts import one_line
from heartbeat.settings import Settings

SECONDS = 20.0
MAX_BYTES = 16_384
# A receiver may ask for patience, not for silence.
MOST_PATIENCE_SECONDS = 86_400.0
PASSING = {408, 425, 429}


async def post_json(url: str, payload: Any, settings: Settings, headers: Mapping[str, str] | None = None) -> None:
    """POST `payload`; see `post`."""
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    await post(url, body, settings, headers)


async def post(url: str, body: bytes, settings: Settings, headers: Mapping[str, str] | None = None) -> None:
    """POST JSON; returns when the receiver took it (2xx). Raises `Rejected`, `Gone` and `NotNow`.

    Redirects are not followed: the message, signed or not, is for the address that was given. Of the address only
    its host is told, for the rest may be a secret.
    """
    place = f"{httpx2.URL(url).scheme}://{httpx2.URL(url).host}/…"
    sent = {"Content-Type": "application/json", "User-Agent": "Heartbeat", **(headers or {})}
    guard = Guard(settings.egress_allow)
    try:
        async with (
            guarded_client(guard, timeout=SECONDS, max_bytes=MAX_BYTES) as client,
            client.stream("POST", url, content=body, headers=sent, follow_redirects=False) as response,
        ):
            if not response.is_success:
                await _fail(place, response)
    except Closed as problem:
        raise Rejected(str(problem)) from None
    except httpx2.TimeoutException:
        raise NotNow(f"{place} did not answer within {SECONDS:g} s.") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as problem:
        why = one_line(str(problem)) or type(problem).__name__
        raise NotNow(f"{place} could not be reached: {why}") from None


async def _fail(place: str, response: httpx2.Response) -> None:
    said = await _said(response)
    status = response.status_code
    words = f"{place} answered {status} {response.reason_phrase}".rstrip()
    if said:
        words += f": {one_line(said)[:200]}"
    if status == 410:
        raise Gone(words)
    if status < 400:
        raise NotNow(f"{words}. Redirects are not followed; give the address it leads to.")
    if status >= 500 or status in PASSING:
        raise NotNow(words, _patience(response.headers.get("retry-after"), said))
    raise Rejected(words)


async def _said(response: httpx2.Response) -> str:
    """The answer's body, empty when it is endless or does not come: the status stands without it."""
    try:
        return (await response.aread()).decode(errors="replace")
    except (httpx2.TimeoutException, httpx2.TransportError, httpx2.DecodingError, TooLarge):
        return ""


def _patience(header: str | None, said: str) -> float | None:
    """The seconds to wait: of `Retry-After` (seconds or a date), else as Discord and Telegram put it in the body."""
    asked = _seconds(header) if header else _in_body(said)
    return None if asked is None else min(max(asked, 0.0), MOST_PATIENCE_SECONDS)


def _seconds(header: str) -> float | None:
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", header.strip()):
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()


def _in_body(said: str) -> float | None:
    try:
        body = json.loads(said)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    inner = body.get("parameters")
    asked = body.get("retry_after", inner.get("retry_after") if isinstance(inner, dict) else None)
    return float(asked) if isinstance(asked, (int, float)) and 0 <= asked < 1e9 else None
