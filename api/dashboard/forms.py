"""What a form sent, and what is wrong with it, field by field, in the words that the API uses."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from api.errors import from_validation
from heartbeat.domain.errors import Invalid, ProductError

# Two for each tool of a large server.
MAX_FIELDS = 2_100

M = TypeVar("M", bound=BaseModel)


class Form:
    """The fields of a form as they were sent, each as text; what is shown again when it is refused."""

    def __init__(self, fields: list[tuple[str, str]] | None = None) -> None:
        self.fields = fields or []

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of a field, without blanks around it."""
        return next((value.strip() for key, value in self.fields if key == name), default)

    def all(self, name: str) -> list[str]:
        """Return every value of a field that can be sent several times."""
        return [value.strip() for key, value in self.fields if key == name]

    def filled(self, *names: str) -> dict[str, str]:
        """Return those of these fields that are not empty."""
        return {name: value for name in names if (value := self.get(name))}

    def replaced(self, fields: list[tuple[str, str]], *names: str) -> "Form":
        """Return the form with `fields` in place of its own of the same names, and of `names`."""
        others = {*names, *(name for name, _ in fields)}
        return Form([*(field for field in self.fields if field[0] not in others), *fields])


async def read_form(request: Request) -> Form:
    """Read the form that was sent, its lines ended as on Unix; raises `Invalid` for more than pages have."""
    text = (await request.body()).decode("utf-8", "replace").replace("%0D%0A", "%0A")
    try:
        return Form(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        raise Invalid("form", f"has more than {MAX_FIELDS} fields") from None


def is_number(text: str) -> bool:
    """Tell whether this is a number, and none so long that nobody means it."""
    return text.isdecimal() and len(text) < 10


def number_text(number: int | None) -> str:
    """Show a number that may be left out as what is typed."""
    return "" if number is None else str(number)


def validated(model: type[M], values: Mapping[str, Any]) -> M:
    """Build one of the API's request models; raises `InvalidMany` with a message for each wrong field."""
    try:
        return model.model_validate(values)
    except ValidationError as problem:
        errors = [{**error, "loc": ("body", *error["loc"])} for error in problem.errors()]
        raise from_validation(RequestValidationError(errors)) from None


def field_errors(problem: ProductError) -> dict[str, str]:
    """Return what is wrong by field; what belongs to no field stands under an empty name."""
    return {detail.field: detail.message for detail in reversed(problem.details)} or {"": problem.message}


def refusal(problem: ProductError) -> ProductError:
    """Return what a form can be shown again for; raises `problem` if it is no matter of what was typed."""
    if problem.status >= 500:
        raise problem
    return problem
