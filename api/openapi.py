"""The OpenAPI document: what a call answers, and our errors in place of the framework's."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field

TITLE = "Heartbeat"
VERSION = "1"


class ErrorDetail(BaseModel):
    field: str
    message: str


class ErrorInside(BaseModel):
    status: int
    code: str
    message: str


class Error(BaseModel):
    """Every error, whatever a client looks at."""

    error: ErrorInside
    message: str
    err: str
    code: str
    success: bool = False
    response: None = None
    details: list[ErrorDetail] = Field(default=[], description="On a 400: what was wrong with which field.")


ERRORS = {
    400: "A parameter is wrong; `details` names it.",
    401: "No key, or an unknown one.",
    403: "The key is another project's, or the bot or the plan does not allow it.",
    404: "There is no such thing.",
    409: "The first request with this Idempotency-Key is under way or was another, or an id is taken.",
    429: "The plan's requests a minute are used up; see Retry-After.",
    503: "The database or Temporal cannot be reached; nothing was changed. See Retry-After.",
}


EVENTS = {"description": "Server-sent events.", "content": {"text/event-stream": {"schema": {"type": "string"}}}}


def call(model: type[BaseModel] | None, query: type[BaseModel] | None = None, later: bool = False) -> dict[str, Any]:
    """The documentation of a call of `/v1`: it answers `model`, with `later` perhaps as a 202, and reads `query`.

    Without a model it answers a stream of events.
    """
    found: dict[int | str, dict[str, Any]] = {200: {"model": model} if model else EVENTS}
    if later:
        found[202] = {"model": model, "description": "It is still going."}
    for status, words in ERRORS.items():
        found[status] = {"model": Error, "description": words}
    return {"responses": found, "openapi_extra": {"parameters": _parameters(query)} if query else None}


def _parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema()
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in schema["properties"].items()
    ]


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=TITLE, version=VERSION, description=app.description, routes=app.routes)
        document.setdefault("components", {})["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path, calls in document["paths"].items():
            for call in calls.values():
                call["responses"].pop("422", None)
                if path.startswith("/v1/"):
                    call["security"] = [{"key": []}]
        for unused in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(unused, None)
        app.openapi_schema = document
    return app.openapi_schema
