"""One HTTP request with a message, through the guarded client, and what the answer means for the message."""

import json
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from heartbeat.domain.clock import utc_now
from heartbeat.egress.capped import TooLarge
from heartbeat.egress.client import Closed, Guard, guarded_client
from heartbeat.notifications.channels.message import Gone, NotNow, Rejected, Unconfirmed
from heartbeat.notifications.channels.texts import one_line
from heartbeat.settings import Settings

SECONDS = 20.0
MAX_BYTES = 16_384
# A receiver may ask for patience, not for silence.
MAX_RETRY_AFTER_SECONDS = 86_400.0
RETRYABLE = {408, 425, 429}
# What a gateway answers when it handed the request on and got no answer itself; 520 and 524 are Cloudflare's.
UNCONFIRMED = {502, 504, 520, 524}
MAY_HAVE_ARRIVED = "the message may have arrived"


async def post_json(url: str, payload: Any, settings: Settings, headers: Mapping[str, str] | None = None) -> None:
    """POST `payload`; see `post`."""
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    await post(url, body, settings, headers)


async def post(url: str, body: bytes, settings: Settings, headers: Mapping[str, str] | None = None) -> None:
    """POST JSON; returns when the receiver took it (2xx). Raises `Rejected`, `Gone`, `NotNow` and `Unconfirmed`.

    Redirects are not followed: the message, signed or not, is for the address that was given. What is raised names no
    more of the address than its host, for the rest may be a secret.
    """
    origin = f"{httpx2.URL(url).scheme}://{httpx2.URL(url).host}/…"
    all_headers = {"Content-Type": "application/json", "User-Agent": "Heartbeat", **(headers or {})}
    guard, sent = Guard(settings.egress_allow), _Sent()
    try:
        async with (
            guarded_client(guard, timeout=SECONDS, max_bytes=MAX_BYTES) as client,
            client.stream(
                "POST",
                url,
                content=body,
                headers=all_headers,
                follow_redirects=False,
                extensions={"trace": sent.trace},
            ) as response,
        ):
            if not response.is_success:
                await _fail(origin, response)
    except Closed as problem:
        raise Rejected(str(problem)) from None
    except httpx2.TimeoutException:
        raise sent.failure(f"{origin} did not answer within {SECONDS:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as problem:
        reason = one_line(str(problem)) or type(problem).__name__
        raise sent.failure(f"{origin} could not be reached: {reason}") from None


class _Sent:
    """Watches one request for the moment at which the receiver may have all of it."""

    def __init__(self) -> None:
        self._whole = False

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        self._whole = self._whole or event == "http11.send_request_body.complete"

    def failure(self, words: str) -> NotNow:
        """Make the failure of a request that has no answer."""
        words = words.rstrip(".")
        return Unconfirmed(f"{words}; {MAY_HAVE_ARRIVED}.") if self._whole else NotNow(f"{words}.")


async def _fail(origin: str, response: httpx2.Response) -> None:
    body = await _body(response)
    status = response.status_code
    message = f"{origin} answered {status} {response.reason_phrase}".rstrip()
    if body:
        message += f": {one_line(body)[:200]}"
    if status == 410:
        raise Gone(message)
    if status < 400:
        raise NotNow(f"{message}. Redirects are not followed; give the address it leads to.")
    if status >= 500 or status in RETRYABLE:
        failure = Unconfirmed if status in UNCONFIRMED else NotNow
        raise failure(message, _retry_after(response.headers.get("retry-after"), body))
    raise Rejected(message, body)


async def _body(response: httpx2.Response) -> str:
    """Read the body; empty when it is endless or does not come, for the status says enough."""
    try:
        return (await response.aread()).decode(errors="replace")
    except (httpx2.TimeoutException, httpx2.TransportError, httpx2.DecodingError, TooLarge):
        return ""


def _retry_after(header: str | None, body: str) -> float | None:
    """The seconds to wait: of `Retry-After` (seconds or a date), else as Discord and Telegram put it in the body."""
    seconds = _header_seconds(header) if header else _body_seconds(body)
    return None if seconds is None else min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def _header_seconds(header: str) -> float | None:
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", header.strip()):
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - utc_now()).total_seconds()


def _body_seconds(body: str) -> float | None:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    parameters = data.get("parameters")
    seconds = data.get("retry_after", parameters.get("retry_after") if isinstance(parameters, dict) else None)
    return float(seconds) if isinstance(seconds, (int, float)) and 0 <= seconds < 1e9 else None
