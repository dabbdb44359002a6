"""The kinds of fields that requests are made of, at their edges."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from api.schemas.fields import MAX_DEPTH, Key, PlainObject
from api.schemas.tool_sign_in import Scopes

KEY: TypeAdapter[str] = TypeAdapter(Key)
PLAIN: TypeAdapter[dict[str, Any]] = TypeAdapter(PlainObject)
SCOPES: TypeAdapter[list[str]] = TypeAdapter(Scopes)


def nested(depth: int) -> dict[str, Any]:
    return {"a": nested(depth - 1)} if depth else {}


@pytest.mark.parametrize("sent", ["5", 5, 5.0])
def test_an_id_may_come_as_its_number(sent: Any) -> None:
    assert KEY.validate_python(sent) == "5"


@pytest.mark.parametrize("sent", [5.5, True, None, [], ""])
def test_what_is_no_id_is_refused(sent: Any) -> None:
    with pytest.raises(ValidationError):
        KEY.validate_python(sent)


def test_an_object_is_plain_and_not_too_deep() -> None:
    assert PLAIN.validate_python(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    for refused in (nested(MAX_DEPTH + 1), {"a": [float("nan")]}, {"a": {"\0": 1}}, {"a": "\ud800"}):
        with pytest.raises(ValidationError):
            PLAIN.validate_python(refused)


def test_scopes_are_a_list_or_have_blanks_between_them() -> None:
    assert SCOPES.validate_python("a b:c") == SCOPES.validate_python(["a", "b:c"]) == ["a", "b:c"]
    for refused in ({}, ["a"] * 101, ["a b"], [1]):
        with pytest.raises(ValidationError):
            SCOPES.validate_python(refused)
