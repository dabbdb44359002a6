"""What the visitor of a page may do: templates leave out the buttons and links that would be refused."""

from collections.abc import Set
from contextvars import ContextVar

from api.operations import OPERATIONS
from heartbeat.domain.scopes import Scope

_scopes: ContextVar[Set[Scope]] = ContextVar("scopes", default=frozenset(Scope))


def use(scopes: Set[Scope]) -> None:
    """Say what the visitor of this request may do."""
    _scopes.set(scopes)


def may(operation: str) -> bool:
    """Return whether the visitor would not be refused; an operation is named as in `OPERATIONS`."""
    needed = OPERATIONS[operation]
    return needed is None or needed in _scopes.get()
