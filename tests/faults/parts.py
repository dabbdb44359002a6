"""What a stack is made of."""

from dataclasses import dataclass
from typing import Protocol


class Part(Protocol):
    """A process that is killed and stopped."""

    @property
    def pids(self) -> list[int]: ...
    @property
    def ended(self) -> bool: ...
    def start(self) -> None: ...
    def kill(self) -> None: ...


@dataclass(frozen=True)
class Shape:
    """Which store, how many processes of a kind, and whether all is broken that can be.

    Then connections go through proxies, the last API and worker have clocks of their own where each machine has one,
    and traces are exported. `disk` says that all files are on a small one.
    """

    store: str = "SQLite"
    each: int = 1
    linked: bool = False
    disk: bool = False
