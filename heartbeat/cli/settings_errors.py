"""A setting that cannot be used, in one line that names its variable."""

from pydantic import ValidationError
from pydantic_settings import SettingsError

from heartbeat.settings import Settings


def explain(problem: ValidationError | SettingsError) -> str:
    """What is wrong with which variables; a variable's value is never repeated, for it may be a key."""
    if isinstance(problem, SettingsError):
        return f"A setting holds no valid JSON: {problem}"
    said = [(_variable(error["loc"]), error["msg"].removeprefix("Value error, ")) for error in problem.errors()]
    return "; ".join(f"{variable}: {message}" for variable, message in said)


def _variable(loc: tuple[int | str, ...]) -> str:
    """Fields that keep a name of their own are reported under it, the others without this product's prefix."""
    name = str(loc[0]) if loc else "settings"
    return f"HEARTBEAT_{name}".upper() if name in Settings.model_fields else name
