"""What the API takes besides what its document says to send, as docs/api.md promises it: read as it is meant."""

from typing import Any

Schema = dict[str, Any]
FLAGS = {"true": True, "1": True, "active": True, "false": False, "0": False, "inactive": False}

# Calls that take a null so, too, where a field can be no null.
NULL_LEAVES_OUT = ("/heartbeat/configure", "/heartbeat/preview")


def as_meant(path: str, fields: dict[str, Any], schemas: dict[str, Schema], required: list[str]) -> dict[str, Any]:
    """The fields of a request without those that a blank leaves out, and each value of the type that it stands for."""
    blanks = _is_nothing if path.endswith(NULL_LEAVES_OUT) else _is_blank
    sent = {name: value for name, value in fields.items() if name in required or not blanks(value)}
    if isinstance(sent.get("gate"), dict):
        sent["gate"] = {name: value for name, value in sent["gate"].items() if not _is_blank(value)}
    if isinstance(sent.get("fallback_models"), list):
        # A model that is named twice is asked once.
        sent["fallback_models"] = _each_once(sent["fallback_models"])
    return {name: _read(value, _types(schemas.get(name, {}))) for name, value in sent.items()}


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def as_sent(query: dict[str, Any], schemas: dict[str, Schema]) -> dict[str, Any]:
    """A query as it goes over the wire: there is nothing of what is empty, and the last of several values counts."""
    sent = {name: "" if value in ({}, []) else value for name, value in query.items()}
    return {
        name: _last(value) if "array" not in _types(schemas.get(name, {})) else value for name, value in sent.items()
    }


def _last(value: Any) -> Any:
    """The last of several values; a list in a list is as many more of them."""
    if not isinstance(value, list):
        return value
    flat = [one for each in value for one in (each if isinstance(each, list) else [each])]
    return flat[-1] if flat else ""


def _each_once(names: list[Any]) -> list[Any]:
    return [name for place, name in enumerate(names) if name not in names[:place] and not _is_blank(name)]


def _is_nothing(value: Any) -> bool:
    return value is None or _is_blank(value)


def _types(schema: Schema) -> set[str]:
    inner = [_types(one) for one in schema.get("anyOf", [])]
    return {schema.get("type", "")}.union(*inner)


def _read(value: Any, types: set[str]) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if "boolean" in types and str(value).lower() in FLAGS:
        return FLAGS[str(value).lower()]
    if "integer" in types and isinstance(value, str):
        try:
            return int(float(value))
        except (ValueError, OverflowError):
            return value
    return str(value) if is_number and "string" in types and not types & {"integer", "number"} else value
