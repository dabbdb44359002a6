"""Keys of each preset, and which of them a call takes at the least."""

from datetime import UTC, datetime

from sqlalchemy import Connection

from api.operations import OPERATIONS
from heartbeat.domain.scopes import PRESETS, Scope, read_scopes
from heartbeat.store.projects.projects import KeyRights, create_key
from heartbeat.store.tables.projects import Project
from tests.support.generated_calls import Call


def needed(call: Call) -> Scope | None:
    """The scope that a call needs."""
    return OPERATIONS[f"{call.method} {call.path}"]


def least_preset(call: Call) -> str:
    """The first of the presets, which are in the order of what they allow, that has what a call needs."""
    wanted = needed(call)
    return next(name for name, scopes in PRESETS.items() if wanted is None or wanted in read_scopes(" ".join(scopes)))


def a_key(connection: Connection, project: Project, preset: str, bots: list[int] | None = None) -> str:
    """A key's secret."""
    rights = KeyRights(" ".join(PRESETS[preset]), bots)
    return create_key(connection, project, preset, datetime.now(UTC), rights=rights).secret
