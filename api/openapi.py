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


WORDS = {
    202: "It is still going.",
    400: "A parameter is wrong; `details` names it.",
    401: "No key, or an unknown one.",
    403: "The key is another project's, or the bot or the plan does not allow it.",
    404: "There is no such thing.",
    409: "Somebody else was first.",
    429: "The plan's requests a minute are used up; see Retry-After.",
    503: "The database or Temporal cannot be reached; nothing was changed. See Retry-After.",
}
ALWAYS = (400, 401, 403, 429, 503)


def answers(model: type[BaseModel], *errors: int) -> dict[int | str, dict[str, Any]]:
    """What a call of `/v1` may answer: `model` on success, errors else."""
    found: dict[int | str, dict[str, Any]] = {200: {"model": model}}
    for status in sorted({*ALWAYS, *errors}):
        found[status] = {"model": Error, "description": WORDS[status]}
    return found


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
