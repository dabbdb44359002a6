"""A call's arguments as its tool wants them, where a model wrote them in another form and the schema leaves no doubt.

Models write objects, lists and numbers as texts, `null` for what they do not give, `OK` for `ok`. A value that fits is
never touched, so a text that is meant as a text stays one; what fits in no way is left to the tool to refuse. Pure.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

from heartbeat.agents.tools.schemas import at_reference

Schema = Mapping[str, Any]

MAX_ENCODINGS = 3
MAX_DEPTH = 40
TRUTHS = {"true": True, "yes": True, "false": False, "no": False}
NOTHING = {"", "null", "none"}
FENCE = re.compile(r"^```(?:json)?\s*(.*?)\s*```$", re.DOTALL)
TYPES: dict[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
}


def read_arguments(text: str, schema: Schema) -> dict[str, Any] | None:
    """The arguments of a call, which a model wrote as `text`; `None` if they are no object."""
    value: Any = text.strip() or "{}"
    for _ in range(MAX_ENCODINGS):
        if isinstance(value, str):
            value = _parsed(value)
    if value is None or value == []:
        value = {}
    return _Fitting(schema).members(value, schema, 0) if isinstance(value, dict) else None


class _Fitting:
    """Fits values to the schemas within `root`, in which references are looked up."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        # By the id of a schema within `root`, each looked at once: references may lead in circles, or to one from many.
        self._kinds: dict[int, dict[str, Schema]] = {}

    def members(self, value: dict[str, Any], schema: Schema, depth: int) -> dict[str, Any]:
        """An object with each member fitted, and without those that say that they are not given."""
        properties, required = schema.get("properties"), schema.get("required")
        known = properties if isinstance(properties, Mapping) else {}
        needed = required if isinstance(required, list) else []
        return {
            name: self.fitted(member, known.get(name, schema.get("additionalProperties")), depth + 1)
            for name, member in value.items()
            if name in needed or name not in known or not self._is_not_given(member, known[name])
        }

    def fitted(self, value: Any, schema: Any, depth: int) -> Any:
        """`value`, or what it means where `schema` does not take it as it is."""
        kinds = self._by_kind(schema)
        if not kinds or depth > MAX_DEPTH:
            return value
        kind = _kind(value, kinds)
        if kind is None:
            value = self._in_another_form(value, kinds)
            kind = _kind(value, kinds)
        if kind == "object" and isinstance(value, dict):
            return self.members(value, kinds[kind], depth)
        if kind == "array" and isinstance(value, list):
            firsts, rest = _list(kinds[kind].get("prefixItems")), kinds[kind].get("items")
            schemas = [*firsts, *[rest] * (len(value) - len(firsts))]
            return [self.fitted(entry, schemas[place], depth + 1) for place, entry in enumerate(value)]
        return _one_of(value, _values(kinds[kind])) if kind == "string" else value

    def _in_another_form(self, value: Any, kinds: dict[str, Schema]) -> Any:
        if isinstance(value, str):
            return self._from_text(value, kinds)
        if isinstance(value, float) and value.is_integer() and "integer" in kinds:
            return int(value)
        if "array" in kinds and value is not None and not isinstance(value, list):
            return [value]
        if "string" in kinds and isinstance(value, int | float) and not isinstance(value, bool):
            return json.dumps(value)
        return value

    def _from_text(self, text: str, kinds: dict[str, Schema]) -> Any:
        """What a text means where none is taken: JSON, a number, a yes or no, or a list with commas."""
        fence = FENCE.match(text.strip())
        words = fence[1] if fence else text.strip()
        if "boolean" in kinds and words.lower() in TRUTHS:
            return TRUTHS[words.lower()]
        parsed = _parsed(words)
        if isinstance(parsed, float) and parsed.is_integer() and "integer" in kinds:
            parsed = int(parsed)
        if _kind(parsed, kinds) is not None and not (parsed is None and words != "null"):
            return parsed
        if "array" in kinds and words and not words.startswith(("[", "{")):
            entries = self._by_kind(kinds["array"].get("items"))
            if entries and entries.keys().isdisjoint({"object", "array"}):
                return [entry.strip() for entry in words.split(",") if entry.strip()]
        return text

    def _is_not_given(self, value: Any, schema: Any) -> bool:
        """Whether an optional member says nothing: null, or a text for it, where its schema takes neither."""
        kinds = self._by_kind(schema)
        if not kinds or (value is not None and not (isinstance(value, str) and value.strip().lower() in NOTHING)):
            return False
        if value is None:
            return "null" not in kinds
        return "string" not in kinds or not _takes(kinds["string"], value)

    def _by_kind(self, schema: Any) -> dict[str, Schema]:
        """The types that `schema` takes, each with the part of it that says so; none where it takes anything."""
        if not isinstance(schema, Mapping):
            return {}
        if id(schema) not in self._kinds:
            self._kinds[id(schema)] = {}
            self._kinds[id(schema)] = self._kinds_of(schema)
        return self._kinds[id(schema)]

    def _kinds_of(self, schema: Schema) -> dict[str, Schema]:
        whole = at_reference(schema, self._root)
        if types := _declared(whole):
            return dict.fromkeys(types, whole)
        if len(parts := _list(whole.get("allOf"))) == 1:
            return self._by_kind(parts[0])
        return _either([self._by_kind(branch) for name in ("anyOf", "oneOf") for branch in _list(whole.get(name))])


def _either(branches: Sequence[Mapping[str, Schema]]) -> dict[str, Schema]:
    """The types that one of the branches takes. Where two differ in what they want of a type, it is in doubt."""
    kinds: dict[str, Schema] = {}
    for kind, schema in (pair for branch in branches for pair in branch.items()):
        kinds[kind] = schema if kinds.get(kind, schema) == schema else {"type": kind}
    return kinds if all(branches) else {}


def _declared(schema: Schema) -> list[str]:
    """The types that a schema names, or those of the values that it lists."""
    declared = schema.get("type")
    if isinstance(declared, str):
        return [declared]
    if isinstance(declared, list):
        return [kind for kind in declared if isinstance(kind, str)]
    return [TYPES.get(type(value), "null") for value in _values(schema) or ()]


def _values(schema: Schema) -> list[Any] | None:
    """The values that a schema lists; `None` if it lists none."""
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    return values if isinstance(values, list) else None


def _kind(value: Any, kinds: Mapping[str, Schema]) -> str | None:
    """Which of `kinds` `value` is of, if any."""
    kind = "null" if value is None else TYPES.get(type(value), "")
    if kind == "integer" and "integer" not in kinds and "number" in kinds:
        kind = "number"
    return kind if kind in kinds else None


def _takes(schema: Schema, text: str) -> bool:
    values, pattern = _values(schema), schema.get("pattern")
    if values is not None:
        return _one_of(text, values) in values
    if isinstance(pattern, str) and not _matches(pattern, text):
        return False
    shortest = schema.get("minLength")
    return not (isinstance(shortest, int) and len(text) < shortest)


def _matches(pattern: str, text: str) -> bool:
    """Whether `text` matches; a pattern that cannot be read, or looks around, is taken to match."""
    try:
        # It is a stranger's, and `re` can take for ever with one.
        SchemaValidator(core_schema.str_schema(pattern=pattern)).validate_python(text)
    except SchemaError:
        return True
    except ValidationError:
        return False
    return True


def _one_of(text: Any, values: list[Any] | None) -> Any:
    """The one of `values` that `text` means, written in another case or with other signs between its words."""
    if values is None or text in values or not isinstance(text, str):
        return text
    same = [value for value in values if isinstance(value, str) and _plain(value) == _plain(text)]
    return same[0] if len(same) == 1 else text


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]+", "_", text.strip().casefold())


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
