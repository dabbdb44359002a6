"""Errors as providers write them: inside a 200, without a code, as text, in FastAPI's `detail`."""

import re
from dataclasses import dataclass
from typing import Any

from heartbeat.agents.bodies.shapes import objects

# By code, type or status, in the words of OpenAI, OpenRouter, Anthropic, Google and what imitates them.
STATUSES = {
    400: {"invalid_request_error", "invalid_argument", "bad_request", "badrequesterror", "context_length_exceeded"},
    401: {"authentication_error", "invalid_api_key", "unauthorized", "unauthenticated"},
    402: {"insufficient_quota", "billing_error", "insufficient_balance", "exceeded_current_quota_error"},
    403: {"permission_error", "permission_denied", "forbidden"},
    404: {"not_found_error", "model_not_found", "not_found"},
    413: {"request_too_large"},
    429: {"rate_limit_exceeded", "rate_limit_error", "too_many_requests", "resource_exhausted"},
    503: {"unavailable", "service_unavailable", "unavailable_error", "loading_model"},
    529: {"overloaded_error", "overloaded"},
}
# Reasons why an answer ended that are none of its model's: OpenRouter, z.AI, DeepSeek.
BROKEN_OFF = {"error": 500, "network_error": 502, "insufficient_system_resource": 503}
# What the libraries do not know, as what they do.
ALIKE = {408: 504, 409: 503, 410: 404, 423: 503, 425: 503, 498: 529, 499: 503}
KNOWN = (400, 401, 402, 403, 404, 422, 429)
LIMITED = re.compile(r"rate[ _]?limit|too many requests|tokens per minute", re.I)
KEY = re.compile(r"authentication|unauthori[sz]ed|invalid (?:api )?key|api[ _-]?key", re.I)
NO_MODEL = re.compile(r"model .{0,80}(?:does not exist|not found)|no such model", re.I)
QUOTA = re.compile(r"insufficient (?:credit|balance|quota|funds)|exceeded your current quota|out of credits", re.I)
TOO_LONG = re.compile(
    r"maximum context length|context[ _](?:length|size|window)|too many tokens|prompt is too long"
    r"|input token count|request[ _](?:entity )?too[ _]large|exceeds? the (?:available )?context|reduce the length",
    re.I,
)
MODERATED = re.compile(r"content[ _]?(?:filter|policy|management)|moderation|flagged|safety system", re.I)


MEANT = {402: QUOTA, 429: LIMITED, 401: KEY, 404: NO_MODEL}


@dataclass(frozen=True)
class EmbeddedError:
    """An error in a body with a status of success: the status that it means, and the body that goes with it."""

    status: int
    body: dict[str, Any]


def error_inside(body: dict[str, Any]) -> EmbeddedError | None:
    """The error of a body that has one beside no answer; `None` when there is none."""
    if (broken_off := _broken_off(body)) is not None:
        return broken_off
    if body.get("choices") or body.get("content") or body.get("candidates"):
        return None
    error = body.get("error") or _other_error(body)
    return EmbeddedError(_status(error), {"error": error}) if error else None


def _broken_off(body: dict[str, Any]) -> EmbeddedError | None:
    """The error that ended an answer, which its choice tells: what was written before is no answer."""
    for choice in objects(body.get("choices")):
        status = BROKEN_OFF.get(str(choice.get("finish_reason")))
        if status is not None:
            error = choice.get("error") or {"message": "", "code": status}
            return EmbeddedError(_status(error), {"error": error})
    return None


def _other_error(body: dict[str, Any]) -> dict[str, Any] | None:
    """An error outside `error`: as vLLM, SiliconFlow, Cloudflare and MiniMax write it."""
    base, errors = body.get("base_resp"), objects(body.get("errors"))
    if isinstance(base, dict) and base.get("status_code"):
        return {"message": base.get("status_msg")}
    if body.get("success") is False and errors:
        return errors[0]
    if "error" in (body.get("type"), body.get("object")) or ("code" in body and isinstance(body.get("message"), str)):
        return {key: body[key] for key in ("message", "type", "code") if key in body and body[key] != "error"}
    return None


def error_repaired(status: int, body: dict[str, Any]) -> dict[str, Any]:
    """The error as an object with a message, and with the code that tells the libraries what it is."""
    error = body.get("error", body.get("detail", body.get("errors", body)))
    if not isinstance(error, dict):
        error = {"message": _words(error)}
    message = _words(error.get("message") or error.get("msg") or error.get("detail") or "")
    code = error.get("code")
    repaired = {**error, "message": message, "code": str(code) if code is not None else None}
    kind = str(error.get("type") or "")
    if status == 400 and (TOO_LONG.search(message) or TOO_LONG.search(kind)):
        repaired["code"] = "context_length_exceeded"
    elif status in (402, 429) and (QUOTA.search(message) or kind in STATUSES[402]):
        repaired["code"] = "insufficient_quota"
    return {**({"type": body["type"]} if "type" in body else {}), "error": repaired}


def status_alike(status: int, body: Any) -> int:
    """A status of failure that the libraries know; Groq says with a 413 that a request is beyond a rate."""
    if status == 413:
        return 429 if LIMITED.search(str(body)) else 400
    status = ALIKE.get(status, status)
    return status if status in KNOWN or status >= 500 else 400


def is_unreadable_call(body: Any) -> bool:
    """Whether an error says that the provider could not read the tool call of its model: Groq's 400."""
    error = body.get("error") if isinstance(body, dict) else None
    return isinstance(error, dict) and error.get("code") == "tool_use_failed"


def is_moderation(error: Any) -> bool:
    """Whether an error says that a filter refused what was sent."""
    if not isinstance(error, dict):
        return False
    words = " ".join(str(error.get(name) or "") for name in ("code", "type", "message"))
    return bool(MODERATED.search(words))


def _status(error: Any) -> int:
    if not isinstance(error, dict):
        return 402 if QUOTA.search(str(error)) else 500
    for name in ("code", "status", "type"):
        value = str(error.get(name) or "").lower()
        if value.isdecimal() and 400 <= int(value) < 600:
            return int(value)
        for status, words in STATUSES.items():
            if value in words:
                return status
    message = _words(error.get("message") or "")
    if TOO_LONG.search(message) or is_moderation(error):
        return 400
    return next((status for status, words in MEANT.items() if words.search(message)), 500)


def _words(value: Any) -> str:
    """An error's words, also where they stand as FastAPI's list of places and messages."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(words for entry in value if (words := _words(entry)))
    if isinstance(value, dict):
        said = _words(value.get("msg") or value.get("message") or value.get("detail"))
        place = ".".join(str(part) for part in value["loc"]) if isinstance(value.get("loc"), list) else ""
        return f"{place}: {said}" if place and said else said
    return ""
