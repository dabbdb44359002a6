"""The OpenAPI document as a caller fills it in: where a request takes an id, those of what is there are named."""

from typing import Any

from tests.support.generated_calls import NAMES

Document = dict[str, Any]


def with_ids(document: Document, project: str, ids: dict[str, str]) -> Document:
    """Name them in the requests of `document`, and return it. Other ids are still values of such a field."""
    schemas = document["components"]["schemas"]
    for operation in (one for methods in document["paths"].values() for one in methods.values()):
        for parameter in operation.get("parameters", []):
            parameter["schema"] = _with_ids(parameter["name"], parameter["schema"], project, ids)
        if "requestBody" in operation:
            reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            fields = schemas[reference.rpartition("/")[2]]["properties"]
            for name, schema in fields.items():
                fields[name] = _with_ids(name, schema, project, ids)
    return document


def _with_ids(name: str, schema: Document, project: str, ids: dict[str, str]) -> Document:
    if name == "project_id":
        return {**schema, "enum": [project], "examples": [project]}
    # In the audit log `before` is the number of an entry.
    kinds = {one.get("type") for one in (schema, *schema.get("anyOf", []))}
    if name not in NAMES or "integer" in kinds:
        return schema
    known: Any = [ids[NAMES[name]]] if name.endswith("_ids") else ids[NAMES[name]]
    said = {word: schema.pop(word) for word in ("title", "description", "examples") if word in schema}
    return {**said, "anyOf": [{"enum": [known]}, schema], "examples": [known]}
