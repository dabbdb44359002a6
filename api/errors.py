"""Errors as JSON, in one shape that every published client recognises."""

import logging
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.responses import ApiResponse
from heartbeat.domain.errors import Detail, InvalidMany, ProductError, Unavailable

log = logging.getLogger(__name__)

A_TIME = "must be a time with its offset, such as 2026-11-30T09:00:00Z"
MESSAGES = {
    "missing": "is required",
    "string_type": "must be a string",
    "string_unicode": "has characters that are not text; remove them",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large",
    "int_from_float": "must be a whole number",
    "finite_number": "must be a whole number",
    "datetime_type": A_TIME,
    "datetime_parsing": A_TIME,
    "datetime_from_date_parsing": A_TIME,
    "timezone_aware": A_TIME,
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters long",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_pattern_mismatch": "does not look like one",
    "literal_error": "must be {expected}",
    "extra_forbidden": "is no field of this call",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "value_error": "{error}",
    "too_long": "has too many entries",
    "too_short": "must have at least {min_length}",
}


DATABASE_AWAY = "The database cannot be reached; nothing was changed. Try again shortly."


def refusal(problem: ProductError, request_id: str) -> ApiResponse:
    """Build the response to a call that was refused. Where an unreachable database is, the log alone says."""
    if isinstance(problem, Unavailable):
        log.warning("request %s: %s", request_id, problem)
        if problem.code == "database_unavailable":
            problem = Unavailable(problem.code, DATABASE_AWAY)
    return error_response(problem)


def error_body(problem: ProductError) -> dict[str, Any]:
    """Build the body: `error` for clients that read `error.status`, the rest for those that read a single field."""
    code, message = problem.code, problem.message
    body: dict[str, Any] = {
        "error": {"status": problem.status, "code": code, "message": message},
        "message": message,
        "err": message,
        "code": code,
        "success": False,
        "response": None,
    }
    if problem.status == 400:
        body["details"] = [{"field": detail.field, "message": detail.message} for detail in problem.details]
    return body


def error_response(problem: ProductError, headers: dict[str, str] | None = None, **more: Any) -> ApiResponse:
    """Build the response to a failed call; `more` are further fields of its body."""
    headers = dict(headers or {})
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return ApiResponse({**error_body(problem), **more}, problem.status, headers)


def from_validation(problem: RequestValidationError) -> ProductError:
    """Translate a failed validation: every wrong field, in words."""
    return InvalidMany([_detail(error) for error in problem.errors()])


def from_http(problem: HTTPException, method: str, path: str) -> ProductError:
    """Translate what the framework itself refuses."""
    if problem.status_code == 404:
        return ProductError(f"There is no call {method} {path[:200]}; GET /docs lists them.", "not_found", 404)
    if problem.status_code == 405:
        allowed = (problem.headers or {}).get("Allow", "another method")
        return ProductError(f"{method[:20]} is not possible here; use {allowed}.", "method_not_allowed", 405)
    if problem.status_code == 400:
        return InvalidMany([Detail("body", "is not valid JSON in UTF-8")])
    return ProductError(str(problem.detail), "error", problem.status_code)


def unexpected() -> ProductError:
    """Build the error for a bug of ours: it says nothing but where to find it in the log."""
    return ProductError("Something went wrong here; the request id finds it in the log.", "internal_error", 500)


def _detail(error: dict[str, Any]) -> Detail:
    path, kind = [str(part) for part in error["loc"][1:]], error["type"]
    if kind == "json_invalid":
        return Detail("body", f"is not valid JSON: {error['ctx']['error']} at position {error['loc'][-1]}")
    if kind == "wrong_field":
        return Detail(error["ctx"]["field"], error["ctx"]["message"])
    if not path:
        return Detail("body", "must be a JSON object")
    if kind in ("too_long", "too_short") and isinstance(error.get("input"), str):
        # A text that went through a validator of ours is any sequence to pydantic.
        kind = f"string_{kind}"
    words = MESSAGES[kind].format(**error.get("ctx", {})) if kind in MESSAGES else str(error["msg"])
    return Detail(".".join(path), words)
