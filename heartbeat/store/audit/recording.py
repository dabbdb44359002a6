"""Record what is changed, in the transaction that changes it: all or nothing of both is committed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from heartbeat.domain.actors import Actor
from heartbeat.domain.text import storable_text
from heartbeat.store.audit.chain import entry_hash
from heartbeat.store.database.acting import actor_of, write_last
from heartbeat.store.database.clock import database_time
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns, insert
from heartbeat.store.tables.audit import AuditEntry, AuditHead
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.projects import Project

ENTRY, HEAD, PROJECT, BOT = columns(AuditEntry), columns(AuditHead), columns(Project), columns(Bot)
# Built once: putting such a statement together costs more than running it.
TAKE_NUMBERS = Prepared(
    update(HEAD)
    .where(HEAD.c.project_id == bindparam("project"))
    .values(number=HEAD.c.number + bindparam("more"))
    .returning(HEAD.c.number, HEAD.c.hash)
)
CHAIN = Prepared(update(HEAD).where(HEAD.c.project_id == bindparam("project")).values(hash=bindparam("last")))
# What stands in place of both values of a secret.
CHANGED = "changed"
# Longer texts are cut: an entry says what was changed, it keeps no copy of it.
MAX_TEXT, MAX_USER_AGENT = 1_000, 300
# What a new thing has where nothing was said.
NOTHING: tuple[Any, ...] = ("", [], {})

Changes = dict[str, Any]


def record(
    connection: Connection,
    project_id: int,
    action: str,
    object_id: str,
    object_name: str | None = None,
    changes: Changes | None = None,
) -> None:
    """Record that whoever acts in this transaction did something; it is written right before the commit.

    `action` is `noun.verb`, where the noun says what the object is; `changes` come from `field_changes`. An update
    that changed nothing is not recorded.
    """
    if action.endswith(".update") and not changes:
        return
    entry = {
        "project_id": project_id,
        "action": action,
        "object_type": action.partition(".")[0],
        "object_id": object_id,
        "object_name": (object_name or "")[:MAX_TEXT],
        "changes": changes or {},
        **_actor_fields(actor_of(connection)),
    }
    write_last(connection, append, entry)


def record_of_bot(
    connection: Connection,
    bot_id: int,
    action: str,
    object_id: str,
    object_name: str | None = None,
    changes: Changes | None = None,
) -> None:
    """`record` for what is a bot's, in the bot's project."""
    project_id = connection.execute(select(BOT.c.project_id).where(BOT.c.id == bot_id)).scalar_one()
    record(connection, project_id, action, object_id, object_name, changes)


def field_changes(before: Mapping[str, Any], after: Mapping[str, Any], secrets: Collection[str] = ()) -> Changes:
    """Say of each field of `after` that differs what it was and what it is.

    Of `secrets`, and of whatever is sealed, only that they changed.
    """
    changes: Changes = {}
    for name, value in after.items():
        old = before.get(name)
        if old != value and not (old is None and value in NOTHING):
            is_secret = name in secrets or name.startswith("sealed_")
            changes[name] = CHANGED if is_secret else [_plain(old), _plain(value)]
    return changes


def append(connection: Connection, entries: list[dict[str, Any]]) -> None:
    """Append entries to the chains of their projects, whose heads are locked last, and in one order."""
    for project_id in sorted({entry["project_id"] for entry in entries}):
        _append(connection, project_id, [entry for entry in entries if entry["project_id"] == project_id])


def _append(connection: Connection, project_id: int, entries: Sequence[dict[str, Any]]) -> None:
    number, previous = _lock_head(connection, project_id, len(entries))
    at, rows = database_time(connection), []
    for entry in entries:
        number += 1
        row = {**entry, "number": number, "at": at}
        previous = row["hash"] = entry_hash(previous, row)
        rows.append(row)
    connection.execute(ENTRY.insert(), rows)
    CHAIN.run(connection, {"project": project_id, "last": previous})


def _lock_head(connection: Connection, project_id: int, more: int) -> tuple[int, str]:
    """Take the next numbers; returns the number and the hash of the last entry before them."""
    taken = {"project": project_id, "more": more}
    head = TAKE_NUMBERS.run(connection, taken).first()
    if head is None:
        # The project first, as everybody takes it before the head.
        connection.execute(
            select(PROJECT.c.id).where(PROJECT.c.id == project_id).with_for_update(read=True, key_share=True)
        )
        empty = {"project_id": project_id, "number": 0, "hash": "", "first_number": 0, "first_hash": ""}
        connection.execute(insert(connection, HEAD).values(empty).on_conflict_do_nothing())
        head = TAKE_NUMBERS.run(connection, taken).one()
    return head.number - more, head.hash


def _actor_fields(actor: Actor) -> dict[str, str]:
    return {
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_name": actor.name,
        "actor_email": actor.email,
        "address": actor.visit.address,
        "user_agent": storable_text(actor.visit.user_agent)[:MAX_USER_AGENT],
    }


def _plain(value: Any) -> Any:
    """A value as JSON has it, no longer than an entry may be."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}…"
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
