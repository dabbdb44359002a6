"""The kinds of fields requests are made of, as forgiving as the published clients need and no more.

Unknown fields are ignored everywhere. A whole number may come as digits in a string, a boolean in many spellings,
an id as a string or as its number.
"""

import math
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
FLAGS = {"true": True, "1": True, "active": True, "false": False, "0": False, "inactive": False}
LARGEST = 2**31 - 1
DEEPEST = 16


def _flag(given: Any) -> Any:
    known = FLAGS.get(str(given).lower()) if isinstance(given, bool | int | str) else None
    if known is None:
        raise ValueError("must be true or false (1 and 0, and active and inactive, mean the same)")
    return known


def _whole(given: Any) -> Any:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise ValueError("must be a whole number")
    return given


def _key(given: Any) -> Any:
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    if isinstance(given, float) and given.is_integer():
        return str(int(given))
    if not isinstance(given, str):
        raise ValueError("must be an id")
    return given


def _storable(given: str) -> str:
    if UNSTORABLE.search(given):
        raise ValueError("has characters that are not text (NUL or half a surrogate pair); remove them")
    return given


def _not_blank(given: str) -> str:
    if not given.strip():
        raise ValueError("must not be empty")
    return given


def _plain(given: Any, depth: int = 0) -> Any:
    """JSON that every database takes: no NUL, no half characters, no NaN, and not too deep."""
    if depth > DEEPEST:
        raise ValueError(f"is nested deeper than {DEEPEST} levels")
    if isinstance(given, str):
        _storable(given)
    elif isinstance(given, float) and not math.isfinite(given):
        raise ValueError("has a number that is not finite")
    elif isinstance(given, dict):
        for name, value in given.items():
            _storable(name)
            _plain(value, depth + 1)
    elif isinstance(given, list):
        for value in given:
            _plain(value, depth + 1)
    return given


Flag = Annotated[bool, BeforeValidator(_flag)]
Whole = Annotated[int, BeforeValidator(_whole), Field(le=LARGEST)]
Key = Annotated[str, BeforeValidator(_key), Field(min_length=1)]
Text = Annotated[str, AfterValidator(_storable)]
Words = Annotated[str, AfterValidator(_storable), AfterValidator(_not_blank)]
PlainObject = Annotated[dict[str, Any], AfterValidator(_plain)]


class OfProject(BaseModel):
    """What every call carries."""

    model_config = ConfigDict(extra="ignore")

    project_id: Key = Field(description="The project's id; the key must belong to it.")

    @property
    def bot_key(self) -> str:
        """The bot the call is about; empty for calls about a whole project."""
        return ""

    @property
    def heartbeat_key(self) -> str:
        """The heartbeat the call is about; empty for calls about a whole bot."""
        return ""


class OfBot(OfProject):
    """What every call about a bot carries."""

    bot_id: Key = Field(description="The bot's id (bot_…) or its number.")

    @property
    def bot_key(self) -> str:
        return self.bot_id


class OfHeartbeat(OfBot):
    """What every call about one heartbeat carries."""

    heartbeat_id: Key = Field(description="The heartbeat's id (hb_…).")

    @property
    def heartbeat_key(self) -> str:
        return self.heartbeat_id
