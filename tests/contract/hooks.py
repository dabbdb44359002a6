"""What schemathesis has to be told: times that there are, what stays until the end, and what no document can say."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import schemathesis
from hypothesis import strategies
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

from tests.contract.leniency import as_meant, as_sent

DOCUMENT = json.loads(Path("openapi.json").read_text())
# By how a call's path ends: the field that names what it ends, and in which variables are the one that the other
# requests need and one that may go.
ENDS = {
    "/bot/delete": ("bot_id", "BOT"),
    "/keys/revoke": ("key_id", "KEY"),
    "/keys/rotate": ("key_id", "KEY"),
}
# Refusals of what is right by its schema: they depend on what is there, on the time, or on a grammar.
BEYOND_SCHEMAS = [line for line in Path(__file__).with_name("beyond_schemas.txt").read_text().splitlines() if line]

FIRST, LAST = datetime.fromisoformat("1970-01-02"), datetime.fromisoformat("2100-12-30")
schemathesis.openapi.format(
    "date-time",
    strategies.datetimes(FIRST, LAST, timezones=strategies.just(UTC)).map(datetime.isoformat),
)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    field, name = ENDS.get(case.path.removeprefix("/v1"), (None, ""))
    for fields in (case.query, case.body):
        if field and isinstance(fields, dict) and fields.get(field) == os.environ[f"KEPT_{name}"]:
            fields[field] = os.environ[f"SPARE_{name}"]


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    if isinstance(failure, RejectedPositiveData):
        refusals = _refusals(response)
        return not (refusals and all(map(_is_beyond_schemas, refusals)))
    return not (isinstance(failure, AcceptedNegativeData) and _is_meant_well(case))


def _refusals(response: Any) -> list[str]:
    error = response.json()
    if error["code"] != "invalid_parameters":
        return [f"{error['code']}: {error['message']}"]
    return [f"{one['field']}: {one['message']}" for one in error["details"]]


def _is_beyond_schemas(refusal: str) -> bool:
    return any(re.match(pattern, refusal) for pattern in BEYOND_SCHEMAS)


def _is_meant_well(case: Any) -> bool:
    operation = DOCUMENT["paths"][case.path][case.method.lower()]
    parameters = operation.get("parameters", [])
    query = {
        "properties": {one["name"]: one["schema"] for one in parameters if one["in"] == "query"},
        "required": [one["name"] for one in parameters if one["in"] == "query" and one["required"]],
    }
    if not _is_right(case.path, as_sent(case.query or {}, query["properties"]), query):
        return False
    if "requestBody" not in operation:
        return True
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    return _is_right(case.path, case.body, DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]])


def _is_right(path: str, fields: Any, schema: dict[str, Any]) -> bool:
    if not isinstance(fields, dict):
        return False
    meant = as_meant(path, fields, schema["properties"], schema.get("required", []))
    return jsonschema_rs.is_valid({**schema, "components": DOCUMENT["components"]}, meant)
