"""JSON Schemas that owners write (draft 2020-12), and whether an answer fits one.

It is checked in bounded time and without a network. A schema refers to itself alone. `$id`, `$dynamicRef`,
`patternProperties` and `unevaluatedProperties` are not taken: they would look elsewhere, or match patterns with an
engine that may never end.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import unquote

from heartbeat.domain.patterns import is_match, require_pattern
from heartbeat.domain.selectors import pointed
from heartbeat.domain.text import storable, storable_text

MAX_LENGTH = 20_000
MAX_SECONDS = 0.5
MAX_PROBLEMS = 20
MAX_WORDS = 200
REFUSED = ("$id", "$dynamicRef", "$recursiveRef", "patternProperties", "unevaluatedProperties")
# Their values are names with schemas, or no schemas at all.
OF_NAMES = ("properties", "$defs", "definitions", "dependentSchemas")
OF_VALUES = ("enum", "const", "default", "examples", "required", "dependentRequired")

Keyword = Callable[[Any, Any, Any, Any], Iterator[Any] | None]


class TooMuchWork(Exception):
    """An answer took too long to check against its schema."""


def read_json_schema(schema: Any) -> Any:
    """Return a schema that came as text, as forms and tools without code send it; any other as it is."""
    if not isinstance(schema, str):
        return schema
    try:
        return json.loads(schema)
    except (ValueError, RecursionError):
        raise ValueError("is no JSON") from None


def require_json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that answers can be checked against; raises `ValueError` in words for its author."""
    from jsonschema import Draft202012Validator, SchemaError

    try:
        written = json.dumps(schema, allow_nan=False, ensure_ascii=False)
        Draft202012Validator.check_schema(schema)
    except RecursionError:
        raise ValueError("a JSON Schema is not nested so deep") from None
    except SchemaError as problem:
        raise ValueError(f"is no JSON Schema: at {problem.json_path}: {_shortened(problem.message)}") from None
    if storable(schema) != schema:
        raise ValueError("has characters that are not text (NUL or half a surrogate pair); remove them")
    if len(written) > MAX_LENGTH:
        raise ValueError(f"a JSON Schema has at most {MAX_LENGTH:,} characters")
    _require_taken(schema, is_root=True)
    for reference in _references(schema):
        if not _leads_somewhere(schema, reference):
            raise ValueError(f"the $ref {_shortened(reference)} leads nowhere in the schema")
    return schema


def misfit(schema: Mapping[str, Any], text: str) -> str | None:
    """Why an answer does not fit a schema, in a sentence; `None` if it fits."""
    from jsonschema.exceptions import best_match

    try:
        value = json.loads(unfenced(text), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return "Its answer is no JSON."
    try:
        problem = best_match(islice(_checker(schema).iter_errors(value), MAX_PROBLEMS))
    except TooMuchWork:
        return "Its answer took too long to check against the JSON Schema."
    except Exception:
        # Whatever a schema leads the library into: a run must not fail to close for it.
        return "Its answer could not be checked: the JSON Schema refers to nothing, or to itself without end."
    if problem is None:
        return None
    place = _shortened(storable_text(problem.json_path))
    return f"Its answer does not fit the JSON Schema: at {place}: {_shortened(problem.message)}."


def unfenced(text: str) -> str:
    """An answer without the code fence that models like to put around JSON."""
    lines = text.strip().splitlines()
    if len(lines) >= 2 and lines[0].lower() in ("```", "```json") and lines[-1] == "```":
        return "\n".join(lines[1:-1]).strip()
    return text.strip()


def _require_taken(schema: Any, is_root: bool = False) -> None:
    if isinstance(schema, list):
        for entry in schema:
            _require_taken(entry)
    if not isinstance(schema, dict):
        return
    for name, value in schema.items():
        if name in REFUSED or (name == "$schema" and not is_root):
            raise ValueError(f"a JSON Schema here has no {name}")
        if name == "$ref" and not str(value).startswith("#"):
            raise ValueError("a $ref leads to a place in the schema itself and begins with #")
        if name == "pattern":
            require_pattern(value)
        if name in OF_NAMES:
            _require_taken(list(value.values()))
        elif name not in OF_VALUES:
            _require_taken(value)


def _references(schema: Any) -> Iterator[str]:
    entries = schema.items() if isinstance(schema, dict) else enumerate(schema) if isinstance(schema, list) else ()
    for name, value in entries:
        if name == "$ref" and isinstance(value, str):
            yield value
        elif name not in OF_VALUES:
            yield from _references(value)


def _leads_somewhere(schema: dict[str, Any], reference: str) -> bool:
    """Whether there is something at a pointer (`#/$defs/item`). An anchor (`#item`) is left to the library."""
    pointer = unquote(reference.removeprefix("#"))
    if pointer and not pointer.startswith("/"):
        return True
    try:
        pointed(schema, pointer)
    except (LookupError, ValueError):
        return False
    return True


def _checker(schema: Mapping[str, Any]) -> Any:
    """A validator of the library whose every keyword looks at the clock of its thread."""
    from jsonschema import Draft202012Validator, validators

    deadline = time.thread_time() + MAX_SECONDS
    keywords = {**Draft202012Validator.VALIDATORS, "pattern": _pattern, "uniqueItems": _unique_items}
    timed = {name: _timed(keyword, deadline) for name, keyword in keywords.items()}
    own = {name: value for name, value in schema.items() if name != "$schema"}
    return validators.extend(Draft202012Validator, timed)(own)


def _timed(keyword: Keyword, deadline: float) -> Keyword:
    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any] | None:
        if time.thread_time() > deadline:
            raise TooMuchWork
        return keyword(validator, value, instance, schema)

    return check


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if isinstance(instance, str) and not is_match(pattern, instance):
        yield ValidationError(f"{instance[:MAX_WORDS]!r} does not match {pattern!r}")


def _unique_items(validator: Any, is_wanted: bool, instance: Any, schema: Any) -> Iterator[Any]:
    """The library's own compares each item with each other one."""
    from jsonschema import ValidationError

    if is_wanted and isinstance(instance, list):
        written = {json.dumps(entry, sort_keys=True) for entry in instance}
        if len(written) < len(instance):
            yield ValidationError("has items that are the same")


def _shortened(words: str) -> str:
    """Leave out the middle, which is the value that does not fit: what is wrong with it stands at the end."""
    return words if len(words) <= MAX_WORDS else f"{words[: MAX_WORDS // 3]} … {words[-MAX_WORDS // 2 :]}"


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
