"""Record what is changed, in the transaction that changes it: all or nothing of both is committed."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from heartbeat.domain.actors import Actor
from heartbeat.store.audit.chain import entry_hash
from heartbeat.store.database.acting import actor_of, write_last
from heartbeat.store.database.clock import database_time
from heartbeat.store.database.rows import columns, exactly_one, first, insert
from heartbeat.store.tables.audit import AuditEntry, AuditHead
from heartbeat.store.tables.projects import Project

ENTRY, HEAD, PROJECT = columns(AuditEntry), columns(AuditHead), columns(Project)
# What stands in place of both values of a secret.
CHANGED = "changed"

Changes = dict[str, Any]


def record(  # noqa: PLR0913 - the fields of an entry
    connection: Connection,
    project_id: int,
    action: str,
    object_type: str,
    object_id: str,
    object_name: str = "",
    changes: Changes | None = None,
) -> None:
    """Record that whoever acts in this transaction did something; it is written right before the commit.

    `action` is `noun.verb`; `changes` come from `field_changes`.
    """
    entry = {
        "project_id": project_id,
        "action": action,
        "object_type": object_type,
        "object_id": object_id,
        "object_name": object_name,
        "changes": changes or {},
        **_actor_fields(actor_of(connection)),
    }
    write_last(connection, append, entry)


def field_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], secrets: frozenset[str] = frozenset()
) -> Changes:
    """Say of each field of `after` that differs what it was and what it is; of `secrets` only that they changed."""
    differing = {name: (before.get(name), value) for name, value in after.items() if before.get(name) != value}
    return {name: CHANGED if name in secrets else [_plain(old), _plain(new)] for name, (old, new) in differing.items()}


def append(connection: Connection, entries: list[dict[str, Any]]) -> None:
    """Append entries to the chains of their projects, whose heads are locked last, and in one order."""
    for project_id in sorted({entry["project_id"] for entry in entries}):
        _append(connection, project_id, [entry for entry in entries if entry["project_id"] == project_id])


def _append(connection: Connection, project_id: int, entries: Iterable[dict[str, Any]]) -> None:
    head = _locked_head(connection, project_id)
    number, previous, rows = head.number, head.hash, []
    at = database_time(connection)
    for entry in entries:
        number += 1
        row = {**entry, "number": number, "at": at}
        previous = row["hash"] = entry_hash(previous, row)
        rows.append(row)
    connection.execute(ENTRY.insert(), rows)
    connection.execute(update(HEAD).where(HEAD.c.project_id == project_id).values(number=number, hash=previous))


def _locked_head(connection: Connection, project_id: int) -> AuditHead:
    locked = select(HEAD).where(HEAD.c.project_id == project_id).with_for_update()
    head = first(connection, AuditHead, locked)
    if head is None:
        # The project first, as everybody takes it before the head.
        connection.execute(
            select(PROJECT.c.id).where(PROJECT.c.id == project_id).with_for_update(read=True, key_share=True)
        )
        empty = {"project_id": project_id, "number": 0, "hash": "", "first_number": 0, "first_hash": ""}
        connection.execute(insert(connection, HEAD).values(empty).on_conflict_do_nothing())
        head = exactly_one(connection, AuditHead, locked)
    return head


def _actor_fields(actor: Actor) -> dict[str, str]:
    return {"actor_kind": actor.kind, "actor_id": actor.id, "actor_name": actor.name, "address": actor.address}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
