"""The types of a heartbeat's fields, as forgiving as the published clients need and no more.

A whole number may come as digits in a string, a boolean in many spellings, and a field that is left out as an empty
string. Text must be such that every database takes it.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticKnownError

from heartbeat.domain.text import UNSTORABLE

FLAGS = {"true": True, "1": True, "active": True, "false": False, "0": False, "inactive": False}
# What an integer column takes.
MAX_NUMBER = 2**31 - 1
# What is meant by any year beyond these is none that a calendar, here or in Temporal, is asked for.
YEARS = range(1970, 2101)


def is_blank(value: Any) -> bool:
    """Whether this is the empty text by which tools without code leave a field out."""
    return isinstance(value, str) and not value.strip()


def _flag(value: Any) -> Any:
    flag = FLAGS.get(str(value).lower()) if isinstance(value, bool | int | str) else None
    if flag is None:
        raise ValueError("must be true or false (1 and 0, and active and inactive, mean the same)")
    return flag


def _whole(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a whole number")
    return value


def require_storable(text: str) -> str:
    """Raises `ValueError` for text that no database takes."""
    if UNSTORABLE.search(text):
        raise ValueError("has characters that are not text (NUL or half a surrogate pair); remove them")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _no_number(value: Any) -> Any:
    # Pydantic would take one for seconds, or for milliseconds.
    if isinstance(value, int | float) or (isinstance(value, str) and _is_number(value)):
        raise PydanticKnownError("datetime_type")
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _in_utc(value: datetime) -> datetime:
    # An offset may lead beyond the first and the last year that there are.
    if not (1 < value.year < 9999 and value.astimezone(UTC).year in YEARS):
        raise ValueError(f"must be a time of the years {YEARS[0]} to {YEARS[-1]}")
    return value.astimezone(UTC)


def written_as(pattern: str) -> Any:
    """Say in the OpenAPI document, as a pattern of its own syntax, what Python checks."""
    return Field(json_schema_extra={"pattern": pattern})


# Bounds stand before it, as in `Annotated[int, Field(ge=1, le=9), WHOLE]`: those that follow are no minimum and
# maximum in the OpenAPI document.
WHOLE = BeforeValidator(_whole)

Flag = Annotated[bool, BeforeValidator(_flag)]
Whole = Annotated[int, Field(le=MAX_NUMBER), WHOLE]
Positive = Annotated[int, Field(ge=1, le=MAX_NUMBER), WHOLE]
CreditBudget = Annotated[int, Field(ge=0, le=MAX_NUMBER), WHOLE]
Text = Annotated[str, AfterValidator(require_storable), written_as(r"^[^\u0000]*$")]
Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_no_number),
    AfterValidator(_in_utc),
    written_as(r"^(19[7-9]|20[0-9]|2100)"),
]
Words = Annotated[
    str,
    AfterValidator(require_storable),
    AfterValidator(_not_blank),
    written_as(r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$"),
]
