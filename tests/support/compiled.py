"""What SQLAlchemy compiles is kept for the databases of all tests.

An engine compiles each statement for itself. A process of the product has one; of tests it has hundreds, and a test of
the store took a tenth of its time to compile the same statements again.
"""

from collections.abc import Hashable
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.util import LRUCache

SIZE = 5_000


class CompiledStatements(LRUCache[Any, Any]):
    """A cache of several engines: what one of them compiled is right for another whose dialect is alike."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_alike(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_alike(key), compiled)


def _alike(key: Any) -> Hashable:
    dialect, *statement = key
    version = getattr(dialect, "server_version_info", None)
    return (type(dialect), dialect.statement_compiler, dialect.paramstyle, version, *statement)


def keep_compiled() -> None:
    """Give every connection that is lent from now on the same compiled statements."""
    statements = CompiledStatements(SIZE)

    @event.listens_for(Engine, "engine_connect")
    def _share(connection: Connection) -> None:
        connection.execution_options(compiled_cache=statements)
