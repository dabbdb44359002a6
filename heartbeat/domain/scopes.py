"""Scopes: what a key may do. `api/operations.py` says which of them each operation needs."""

from collections.abc import Set
from enum import StrEnum
from functools import cache


class Scope(StrEnum):
    """One kind of operations. `admin` stands for all of them, and for what is of the project itself."""

    READ = "read"
    RUN = "run"
    WRITE = "write"
    APPROVE = "approve"
    ADMIN = "admin"


# What people call the usual ones.
PRESETS: dict[str, tuple[Scope, ...]] = {
    "viewer": (Scope.READ,),
    "operator": (Scope.READ, Scope.RUN, Scope.APPROVE),
    "editor": (Scope.READ, Scope.RUN, Scope.WRITE, Scope.APPROVE),
    "admin": (Scope.ADMIN,),
}


@cache
def read_scopes(text: str) -> frozenset[Scope]:
    """Read scopes as rows keep them, by spaces; `admin` among them means every one."""
    scopes = frozenset(Scope(word) for word in text.split())
    return frozenset(Scope) if Scope.ADMIN in scopes else scopes


def write_scopes(scopes: Set[Scope]) -> str:
    """Write scopes as rows keep them: always in the same order, and all of them as `admin`."""
    kept = {Scope.ADMIN} if Scope.ADMIN in scopes else scopes
    return " ".join(scope for scope in Scope if scope in kept)
