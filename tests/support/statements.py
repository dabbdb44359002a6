"""What is sent to a database while something runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

Listened = Connection | Engine | type[Engine]


@contextmanager
def statements(target: Listened = Engine) -> Iterator[list[str]]:
    """Collect each statement, as it is sent, of a connection, an engine or all engines."""
    sent: list[str] = []
    with _noting(target, lambda statement, _: sent.append(statement)):
        yield sent


@contextmanager
def statements_with_parameters(target: Listened) -> Iterator[list[tuple[str, Any]]]:
    """The same, each statement with its parameters."""
    sent: list[tuple[str, Any]] = []
    with _noting(target, lambda statement, parameters: sent.append((statement, parameters))):
        yield sent


@contextmanager
def _noting(target: Listened, note: Callable[[str, Any], None]) -> Iterator[None]:
    def listen(_: object, __: object, statement: str, parameters: Any, *rest: object) -> None:
        note(statement, parameters)

    event.listen(target, "before_cursor_execute", listen)
    try:
        yield
    finally:
        event.remove(target, "before_cursor_execute", listen)
