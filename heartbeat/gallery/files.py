"""The files of the gallery, each one thing to begin from in YAML."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


class TemplateError(ValueError):
    """A file of the gallery is not a template; the message names the file and what to write instead."""


def read(path: Path, model: type[M], advice: str) -> M:
    """Read one file; raises `TemplateError`, whose message ends with `advice`."""
    # An API that nobody asks for templates does without it.
    import yaml

    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise TemplateError(f"{path.name}: is not YAML in UTF-8 ({' '.join(str(problem).split())}); {advice}") from None
    except ValidationError as problem:
        wrong = "; ".join(f"{'.'.join(map(str, error['loc'])) or 'file'}: {error['msg']}" for error in problem.errors())
        raise TemplateError(f"{path.name}: {wrong}; {advice}") from None
