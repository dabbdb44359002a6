"""A setting that cannot be used, in one line that names its variable."""

import re

from pydantic import ValidationError
from pydantic_settings import SettingsError

from heartbeat.settings import Settings

JSON_EXAMPLE = """'["10.0.0.0/8"]' or '{"name": "value"}', within single quotes on a command line"""


def explain(problem: ValidationError | SettingsError) -> str:
    """Say what is wrong with which variables; a value is never repeated, for it may be a key."""
    if isinstance(problem, SettingsError):
        field = re.search(r'field "(\w+)"', str(problem))
        return f"{_variable((field[1],)) if field else 'A setting'}: must be JSON, such as {JSON_EXAMPLE}"
    errors = [(_variable(error["loc"]), error["msg"].removeprefix("Value error, ")) for error in problem.errors()]
    return "; ".join(f"{variable}: {message}" for variable, message in errors)


def _variable(location: tuple[int | str, ...]) -> str:
    """Name the variable of a field: an alias as it is, a field's own name with this product's prefix."""
    name = str(location[0]) if location else "settings"
    return f"HEARTBEAT_{name}".upper() if name in Settings.model_fields else name
