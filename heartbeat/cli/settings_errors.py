"""A setting that cannot be used, in one line that names its variable."""

from pydantic import ValidationError
from pydantic_settings import SettingsError

from heartbeat.settings import Settings


def explain(problem: ValidationError | SettingsError) -> str:
    """Say what is wrong with which variables; a value is never repeated, for it may be a key."""
    if isinstance(problem, SettingsError):
        return f"A setting holds no valid JSON: {problem}"
    errors = [(_variable(error["loc"]), error["msg"].removeprefix("Value error, ")) for error in problem.errors()]
    return "; ".join(f"{variable}: {message}" for variable, message in errors)


def _variable(location: tuple[int | str, ...]) -> str:
    """Name the variable of a field: an alias as it is, a field's own name with this product's prefix."""
    name = str(location[0]) if location else "settings"
    return f"HEARTBEAT_{name}".upper() if name in Settings.model_fields else name
