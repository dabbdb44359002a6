"""How long a provider asks to be left alone, in every form that one has been seen to use."""

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

UNITS = {"ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|sec(?:ond)?s?|s|min(?:ute)?s?|m|h(?:our)?s?)?(?![a-z])", re.I)
# OpenAI, Groq: "Please try again in 1m6.2s."; Azure: "Please retry after 7 seconds."
IN_WORDS = re.compile(r"(?:try again|retry)(?: again)? (?:in|after) ((?:\d+(?:\.\d+)?\s*[a-z]*\s*)+)", re.I)
RESETS = ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens", "x-ratelimit-reset", "ratelimit-reset")
# A number of seconds this large is an instant of the clock.
INSTANT = 10**9


def wait_of(headers: Mapping[str, str], body: Any, now: float) -> float | None:
    """Seconds to wait; header names are in lower case, `now` is the Unix time; `None` when nothing was said."""
    waits = (
        _milliseconds(headers.get("retry-after-ms")),
        _after(headers.get("retry-after"), now),
        _retry_info(body),
        _in_words(body),
        _reset(headers, now),
    )
    return next((wait for wait in waits if wait is not None), None)


def _milliseconds(value: str | None) -> float | None:
    seconds = _number(value)
    return None if seconds is None else seconds / 1000


def _after(value: str | None, now: float) -> float | None:
    if value is None:
        return None
    seconds = _number(value)
    if seconds is not None:
        # An instant instead of a number of seconds: nothing that a run would wait for, as it was sent.
        return seconds
    instant = _instant(value)
    if instant is not None:
        return max(0.0, instant - now)
    return _amount(value) if value[:1].isdigit() else None


def _retry_info(body: Any) -> float | None:
    """Google's `google.rpc.RetryInfo`: "14s" or "0.5s"."""
    error = body.get("error") if isinstance(body, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and isinstance(detail.get("retryDelay"), str):
            return _amount(detail["retryDelay"])
    return None


def _in_words(body: Any) -> float | None:
    error = body.get("error", body) if isinstance(body, dict) else body
    message = error.get("message") if isinstance(error, dict) else error
    said = IN_WORDS.search(message) if isinstance(message, str) else None
    return _amount(said.group(1)) if said else None


def _reset(headers: Mapping[str, str], now: float) -> float | None:
    """When a limit is lifted: the latest of what used it up, as a span or as an instant."""
    waits = []
    for name in RESETS:
        remaining = headers.get(name.replace("reset", "remaining"))
        value = headers.get(name)
        if value is None or remaining not in (None, "0"):
            continue
        seconds = _number(value)
        if seconds is None and (seconds := _instant(value)) is None:
            seconds = _amount(value)
        if seconds is not None:
            if seconds > 1000 * INSTANT:
                seconds /= 1000
            waits.append(seconds - now if seconds > INSTANT else seconds)
    return max(waits, default=None) if waits else None


def _instant(text: str) -> float | None:
    """The Unix time of a date, as HTTP or ISO 8601 writes it; one without a zone is in UTC."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        with suppress(ValueError, TypeError, OverflowError):
            at = read(text.strip())
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    return None


def _amount(text: str) -> float | None:
    """The seconds of "6s", "6.2s", "1m6.2s", "7 seconds", "350ms"."""
    total, matched = 0.0, False
    for number, unit in AMOUNT.findall(text):
        matched = True
        lowered = unit.lower()
        scale = next((UNITS[name] for name in ("ms", "sec", "min", "s", "m", "h") if lowered.startswith(name)), 1.0)
        total += float(number) * scale
    return total if matched else None


def _number(value: str | None) -> float | None:
    try:
        seconds = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
