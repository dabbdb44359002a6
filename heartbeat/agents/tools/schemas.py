"""The schema of a tool's arguments as every provider takes it: one object, described by its properties.

A server may say more: alternatives, conditions, references. What providers refuse at the top is translated where it can
be, and told to the model in words where it cannot. Pure.
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any
from urllib.parse import unquote

ALTERNATIVES = ("anyOf", "oneOf")
CONDITIONS = ("not", "if", "then", "else", "enum", "const", "dependentRequired", "dependentSchemas", "dependencies")
MAX_CONDITION_LENGTH = 2_000
MAX_DEPTH = 40
MAX_REFERENCES = 10
MAX_NAME_LENGTH = 64
# Anthropic refuses a request with any other name of an argument.
PROVIDERS_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def reason_not_to_offer(schema: Mapping[str, Any]) -> str | None:
    """Why a tool with these arguments cannot be offered; `None` if it can."""
    kind = schema.get("type", "object")
    kinds = kind if isinstance(kind, list) else [kind]
    return None if "object" in kinds or kind is None else "its arguments are no object"


def offered_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as a model is offered it: one object of everything that it and its alternatives describe."""
    whole = at_reference(schema)
    parts = [whole, *_objects(whole.get("allOf"))]
    alternatives = [branch for part in parts for name in ALTERNATIVES for branch in _objects(part.get(name))]
    properties: dict[str, Any] = {}
    for part in (*alternatives[::-1], *parts[::-1]):
        properties |= _mapping(at_reference(part, whole).get("properties"))
    required = [name for part in parts for name in _required(at_reference(part, whole))]
    required += _always_required(whole, parts)
    rest = {name: value for name, value in whole.items() if name not in ("allOf", *ALTERNATIVES, *CONDITIONS)}
    rest |= {"type": "object", "properties": {name: _inner(value, 1) for name, value in properties.items()}}
    rest.pop("required", None)
    names = [name for name in dict.fromkeys(required) if name in properties]
    return rest | ({"required": names} if names else {})


def with_offered_names(schema: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Rename the arguments whose names a provider refuses; returns the tool's own name of each new one as well."""
    own_names: dict[str, str] = {}
    for name in schema["properties"]:
        if not PROVIDERS_NAME.fullmatch(name):
            own_names[_offered_name(name, {*schema["properties"], *own_names})] = name
    if not own_names:
        return schema, {}
    offered = {own: name for name, own in own_names.items()}
    properties = {offered.get(name, name): value for name, value in schema["properties"].items()}
    required = [offered.get(name, name) for name in schema.get("required", ())]
    return schema | {"properties": properties} | ({"required": required} if required else {}), own_names


def _offered_name(name: str, taken: set[str]) -> str:
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[: MAX_NAME_LENGTH - 4] or "_"
    return next(other for number in count(1) if (other := plain if number == 1 else f"{plain}_{number}") not in taken)


def condition(schema: Mapping[str, Any]) -> str:
    """What `offered_schema` leaves out, in words for the model; empty if nothing is."""
    names = (*ALTERNATIVES, "allOf", *CONDITIONS)
    whole = at_reference(schema)
    left_out = {name: whole[name] for name in names if whole.get(name) not in (None, [], {})}
    if not left_out:
        return ""
    return f"Its arguments must also fit this JSON Schema: {json.dumps(left_out)[:MAX_CONDITION_LENGTH]}"


def at_reference(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Follow a reference at the top of `schema` to where it leads within `root`."""
    root, whole = root or schema, dict(schema)
    for _ in range(MAX_REFERENCES):
        reference = whole.pop("$ref", None)
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        target: Any = root
        for name in reference.removeprefix("#/").split("/"):
            target = _step(target, unquote(name).replace("~1", "/").replace("~0", "~"))
        whole = {**(target if isinstance(target, Mapping) else {}), **whole}
    return whole


def _step(schema: Any, name: str) -> Any:
    if isinstance(schema, list) and name.isdecimal() and len(name) < 5 and int(name) < len(schema):
        return schema[int(name)]
    return schema.get(name) if isinstance(schema, Mapping) else None


def _always_required(whole: Mapping[str, Any], parts: list[dict[str, Any]]) -> Iterator[str]:
    """What every one of the alternatives requires."""
    for part in parts:
        for name in ALTERNATIVES:
            branches = [set(_required(at_reference(branch, whole))) for branch in _objects(part.get(name))]
            if branches:
                yield from sorted(set.intersection(*branches))


def _inner(schema: Any, depth: int) -> Any:
    """A schema within: a list must say what it is of, and an object name its properties as an object."""
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return {}
    inner = dict(schema)
    if inner.get("type") == "array" and not isinstance(inner.get("items"), Mapping):
        inner["items"] = {}
    if "items" in inner:
        inner["items"] = _inner(inner["items"], depth + 1)
    if "properties" in inner:
        inner["properties"] = {name: _inner(value, depth + 1) for name, value in _mapping(inner["properties"]).items()}
    return inner


def _objects(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _required(schema: Mapping[str, Any]) -> list[str]:
    names = schema.get("required")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
