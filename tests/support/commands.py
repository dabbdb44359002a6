"""How a command of the terminal left."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """How a command left: its exit code and what it wrote."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]
