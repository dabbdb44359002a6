"""Read a project's audit log, newest first, or in order for a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast, get_args

from sqlalchemy import ColumnElement, Connection, or_, select

from heartbeat.domain.actors import Actor, ActorKind, Visit
from heartbeat.store.database.rows import columns, many
from heartbeat.store.tables.audit import AuditEntry

ENTRY = columns(AuditEntry)


@dataclass(frozen=True)
class AuditFilter:
    """Which entries; `since` is included, `until` is not.

    `actor` is which kind did it, else the id, the e-mail address or the name of who did; `action` is one, or a noun
    that stands for all of its; `object_id` is what it was done to. `before` is the number of an entry.
    """

    actor: str | None = None
    action: str | None = None
    object_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def audit_page(
    connection: Connection, project_id: int, wanted: AuditFilter, limit: int
) -> tuple[list[AuditEntry], int | None]:
    """Read the newest entries of a filter, and the number to go on before if there are more."""
    which = [ENTRY.c.project_id == project_id, *_conditions(wanted)]
    newest = select(ENTRY).where(*which).order_by(ENTRY.c.number.desc()).limit(limit + 1)
    rows = many(connection, AuditEntry, newest)
    return rows[:limit], rows[limit - 1].number if len(rows) > limit else None


def entries_after(connection: Connection, project_id: int, number: int, limit: int) -> list[AuditEntry]:
    """Read the next entries after one, in the order of the chain."""
    later = select(ENTRY).where(ENTRY.c.project_id == project_id, ENTRY.c.number > number)
    return many(connection, AuditEntry, later.order_by(ENTRY.c.number).limit(limit))


def actor_of_entry(entry: AuditEntry) -> Actor:
    """Say who made a change, as they were called then."""
    visit = Visit(entry.address, entry.user_agent or "")
    return Actor(cast(ActorKind, entry.actor_kind), entry.actor_id, entry.actor_name, entry.actor_email or "", visit)


def show_entry(entry: AuditEntry) -> dict[str, Any]:
    """Say what an entry is, as the API and files have it."""
    return {
        "number": entry.number,
        "at": entry.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "actor": {
            "kind": entry.actor_kind,
            "id": entry.actor_id,
            "name": entry.actor_name,
            "email": entry.actor_email or "",
            "address": entry.address,
            "user_agent": entry.user_agent or "",
        },
        "action": entry.action,
        "object": {"type": entry.object_type, "id": entry.object_id, "name": entry.object_name},
        "changes": entry.changes,
        "hash": entry.hash,
    }


def _actor_columns(actor: str) -> tuple[str, ...]:
    """Which columns may say so: a kind is one, whatever somebody calls themselves."""
    return ("actor_kind",) if actor in get_args(ActorKind) else ("actor_id", "actor_name", "actor_email")


def _conditions(wanted: AuditFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.actor:
        yield or_(*(ENTRY.c[name] == wanted.actor for name in _actor_columns(wanted.actor)))
    if wanted.action:
        yield ENTRY.c.action == wanted.action if "." in wanted.action else ENTRY.c.object_type == wanted.action
    if wanted.object_id:
        yield ENTRY.c.object_id == wanted.object_id
    if wanted.since:
        yield ENTRY.c.at >= wanted.since
    if wanted.until:
        yield ENTRY.c.at < wanted.until
    if wanted.before is not None:
        yield ENTRY.c.number < wanted.before
