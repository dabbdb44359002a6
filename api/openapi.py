"""The OpenAPI document: what a call answers, and our errors in place of the framework's."""

import re
from importlib import metadata
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field

from api.errors import error_body
from api.operations import OPERATIONS
from api.quota_headers import headers_of
from api.schemas.examples import HEARTBEAT, example
from heartbeat.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    ProductError,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from heartbeat.domain.quotas import Quota, QuotaUse

TITLE = "Heartbeat"

MESSAGE = "What is wrong and what to do, in a sentence."
CODE = "A stable word for the kind of error."

# What may go wrong with any call: in words, and an instance of it.
ERRORS: dict[int, tuple[str, ProductError]] = {
    400: (
        "A parameter is wrong; `details` names it.",
        Invalid("timezone", "'Mars/Olympus' is not a time zone; write an IANA name such as 'Europe/Berlin'"),
    ),
    401: ("No key, or an unknown one.", Unauthorized("Send a key of your project as `Authorization: Bearer KEY`.")),
    403: (
        "The key is another project's or lacks the scope, or the bot or the plan does not allow it.",
        Forbidden("wrong_project", "This key belongs to another project than the project_id that was sent."),
    ),
    404: ("There is no such thing.", NotFound("heartbeat", HEARTBEAT)),
    409: (
        "The first request with this Idempotency-Key is under way, was another or lost its answer, or an id is taken.",
        Conflict("external_id_taken", f"The external_id belongs to heartbeat {HEARTBEAT} of this bot; choose another."),
    ),
    429: (
        "The plan's requests a minute are used up; see Retry-After.",
        RateLimited(QuotaUse(Quota("project", 60), 0, 12)),
    ),
    503: (
        "The database or Temporal cannot be reached; nothing was changed. See Retry-After.",
        Unavailable("database_unavailable", "The database cannot be reached; nothing was changed. Try again shortly."),
    ),
}


class ErrorDetail(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="The field, as it was sent.", examples=["timezone"])
    message: str = Field(description="What to send instead.", examples=["write an IANA name such as 'Europe/Berlin'"])


class ErrorInside(BaseModel):
    """The error, for clients that look at `error.status`."""

    status: int = Field(description="The HTTP status.", examples=[404])
    code: str = Field(description=CODE, examples=["heartbeat_not_found"])
    message: str = Field(description=MESSAGE, examples=[ERRORS[404][1].message])


class Error(BaseModel):
    """Every error, whatever a client looks at."""

    error: ErrorInside = Field(description="The error.", examples=[example(ErrorInside)])
    message: str = Field(description=MESSAGE, examples=[ERRORS[404][1].message])
    err: str = Field(description="The same message.", examples=[ERRORS[404][1].message])
    code: str = Field(description=CODE, examples=["heartbeat_not_found"])
    success: bool = Field(False, description="Always false.", examples=[False])
    response: None = Field(None, description="Always null.", examples=[None])
    details: list[ErrorDetail] = Field(
        default=[], description="On a 400: what was wrong with which field.", examples=[[example(ErrorDetail)]]
    )


EVENTS = {
    "description": "Server-sent events.",
    "content": {
        "text/event-stream": {"schema": {"type": "string"}, "example": 'event: end\ndata: {"status":"success"}\n\n'}
    },
}


def call(model: type[BaseModel] | None, query: type[BaseModel] | None = None, later: bool = False) -> dict[str, Any]:
    """The documentation of a call of `/v1`: it answers `model`, with `later` perhaps as a 202, and reads `query`.

    Without a model it answers a stream of events.
    """
    responses: dict[int | str, dict[str, Any]] = {200: _response(model) if model else EVENTS}
    if model and later:
        responses[202] = {**_response(model), "description": "It is still going."}
    for status, (words, problem) in ERRORS.items():
        responses[status] = {"model": Error, "description": words, "content": _json(error_body(problem))}
    for code, response in responses.items():
        response["headers"] = headers_of(int(code))
    return {"responses": responses, "openapi_extra": {"parameters": _parameters(query)} if query else None}


def _response(model: type[BaseModel]) -> dict[str, Any]:
    return {"model": model, "content": _json(example(model))}


def _json(body: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"example": body}}


def _parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema()
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": field.pop("description"),
            "schema": field,
        }
        for name, field in schema["properties"].items()
    ]


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=TITLE,
            version=metadata.version("heartbeat-server"),
            description=app.description,
            routes=app.routes,
        )
        document.setdefault("components", {})["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                # A call's docstring begins with what it does, up to the first stop.
                operation["summary"] = re.split(r"[.:;]\s|\.$", operation["description"])[0]
                operation["responses"].pop("422", None)
                if scope := OPERATIONS[f"{method.upper()} {path}"]:
                    operation["security"] = [{"key": [scope]}]
                    operation["description"] += f"\n\nNeeds the scope `{scope}`."
        schemas = document["components"]["schemas"]
        _restore_nulls(document, schemas)
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = document
    return app.openapi_schema


def _restore_nulls(document: dict[str, Any], schemas: dict[str, Any]) -> None:
    """The framework drops every null of a document: a required field that an example lacks was one."""
    for schema in schemas.values():
        for field in schema["properties"].values():
            for value in field.get("examples", []):
                _fill(value, field, schemas)
    for operations in document["paths"].values():
        for operation in operations.values():
            for response in operation["responses"].values():
                for content in response.get("content", {}).values():
                    _fill(content.get("example"), content.get("schema", {}), schemas)


def _fill(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    for part in (schema, *schema.get("anyOf", [])):
        if "$ref" in part and isinstance(value, dict):
            known = schemas[part["$ref"].rpartition("/")[2]]
            for name, field in known["properties"].items():
                if name in value or name in known.get("required", []):
                    # Taken out and put back, so that the fields are in the schema's order.
                    value[name] = value.pop(name, None)
                    _fill(value[name], field, schemas)
        elif "items" in part and isinstance(value, list):
            for item in value:
                _fill(item, part["items"], schemas)
