"""The OpenAPI document: what a call answers, and our errors in place of the framework's."""

import re
from importlib import metadata
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import BaseRoute

from api.errors import error_body
from api.operations import OPERATIONS
from api.quota_headers import headers_of
from api.schemas.errors import ERRORS, Error
from api.schemas.examples import example

TITLE = "Heartbeat"

# A stream is text; those who read it event by event have objects.
STREAM = {
    "type": ["string", "object"],
    "properties": {"id": {"type": "string"}, "event": {"enum": ["step", "run", "end"]}, "data": {"type": "string"}},
}
EVENTS = {
    "description": "Server-sent events.",
    "content": {"text/event-stream": {"schema": STREAM, "example": 'event: end\ndata: {"status":"success"}\n\n'}},
}


class Call(NamedTuple):
    """What the document says of a call: it answers `model`, with `later` perhaps as a 202, and reads `query`.

    Without a model it answers a stream of events.
    """

    model: type[BaseModel] | None
    query: type[BaseModel] | None
    later: bool

    def responses(self) -> dict[int | str, dict[str, Any]]:
        responses: dict[int | str, dict[str, Any]] = {200: _response(self.model) if self.model else EVENTS}
        if self.model and self.later:
            responses[202] = {**_response(self.model), "description": "It is still going."}
        for status, (words, problem) in ERRORS.items():
            responses[status] = {"model": Error, "description": words, "content": _json(error_body(problem))}
        return {code: {**response, "headers": headers_of(int(code))} for code, response in responses.items()}


def call(model: type[BaseModel] | None, query: type[BaseModel] | None = None, later: bool = False) -> dict[str, Any]:
    """Note what `describe` makes the documentation of a call of `/v1` from: a process that nobody asks has none."""
    return {"openapi_extra": Call(model, query, later)}


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
            routes=[_documented(route) for route in app.routes],
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


def _documented(route: BaseRoute) -> BaseRoute:
    """A route as it is or, of a `Call`, one with its documentation that serves nobody."""
    if not isinstance(route, APIRoute) or not isinstance(noted := route.openapi_extra, Call):
        return route
    return APIRoute(
        route.path,
        route.endpoint,
        methods=route.methods,
        tags=route.tags,
        response_class=route.response_class,
        responses=noted.responses(),
        openapi_extra={"parameters": _parameters(noted.query)} if noted.query else None,
    )


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
