"""The kinds of fields that requests are made of, beside those of `heartbeat/domain/field_types.py`.

Unknown fields are ignored everywhere but where a key is made. An id may come as a string or as its number. An empty
string in a field that may be left out leaves it out, unless the field is a text that may be empty.
"""

import math
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from api.schemas import examples
from heartbeat.domain.field_types import is_blank, require_storable

MAX_DEPTH = 16


def _key(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if not isinstance(value, str):
        raise ValueError("must be an id")
    return value


def _plain(value: Any, depth: int = 0) -> Any:
    """JSON that every database takes: no NUL, no half characters, no NaN, and not too deep."""
    if depth > MAX_DEPTH:
        raise ValueError(f"is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        require_storable(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("has a number that is not finite")
    elif isinstance(value, dict):
        for name, inner in value.items():
            require_storable(name)
            _plain(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _plain(inner, depth + 1)
    return value


def wrong_field(name: str, message: str) -> PydanticCustomError:
    """For a validator of a whole model: what is wrong with the field `name` of it."""
    return PydanticCustomError("wrong_field", "{field}: {message}", {"field": name, "message": message})


Key = Annotated[str, BeforeValidator(_key), Field(min_length=1)]
PlainObject = Annotated[dict[str, Any], AfterValidator(_plain)]


class OfProject(BaseModel):
    """What every call carries."""

    model_config = ConfigDict(extra="ignore")
    # The fields in which an empty string is not the same as nothing.
    may_be_empty: ClassVar[frozenset[str]] = frozenset()

    project_id: Key = Field(description="The project's id; the key must belong to it.", examples=[examples.PROJECT])

    @model_validator(mode="before")
    @classmethod
    def _leave_out_blanks(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        return {name: value for name, value in body.items() if not (is_blank(value) and cls._is_left_out(name))}

    @classmethod
    def _is_left_out(cls, name: str) -> bool:
        """Whether a blank in the field `name` leaves it out; a required one is refused for it."""
        field = cls.model_fields.get(name)
        return field is not None and not field.is_required() and name not in cls.may_be_empty

    @property
    def bot_key(self) -> str:
        """The bot the call is about; empty for calls about a whole project."""
        return ""

    @property
    def heartbeat_key(self) -> str:
        """The heartbeat the call is about; empty for calls about a whole bot."""
        return ""

    def log_ids(self) -> dict[str, str]:
        """The ids that log lines about the call have."""
        ids = {"project_id": self.project_id, "bot_id": self.bot_key, "heartbeat_id": self.heartbeat_key}
        return {name: value for name, value in ids.items() if value}


class OfBot(OfProject):
    """What every call about a bot carries."""

    bot_id: Key = Field(description="The bot's id (`bot_…`) or its number.", examples=[examples.BOT])

    @property
    def bot_key(self) -> str:
        return self.bot_id


class OfHeartbeat(OfBot):
    """What every call about one heartbeat carries."""

    heartbeat_id: Key = Field(description="The heartbeat's id (`hb_…`).", examples=[examples.HEARTBEAT])

    @property
    def heartbeat_key(self) -> str:
        return self.heartbeat_id
