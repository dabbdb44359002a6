"""First answers to requests that carried an `Idempotency-Key`, or were forms; kept for a day."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy import ColumnElement, Connection, delete, select, update

from heartbeat.domain.errors import Conflict
from heartbeat.domain.ids import spell
from heartbeat.store.rows import columns, exactly_one, insert
from heartbeat.store.tables.projects import IdempotencyKey

KEY = columns(IdempotencyKey)

LIFETIME = timedelta(hours=24)
RELEASED = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class KeyedRequest:
    """A request that carries a key; its `fingerprint` is the same for the same request alone."""

    key: str
    fingerprint: str


@dataclass(frozen=True)
class IdempotencyClaim:
    """The right of one attempt to answer a key's request. `first_used_at` is the same for every attempt."""

    project_id: int
    key: str
    first_used_at: datetime
    claimed_at: datetime

    def new_id(self, prefix: str) -> str:
        """Derive the public id of what this request creates: the same in every attempt."""
        seed = f"{self.project_id}\n{self.first_used_at.isoformat()}\n{self.key}"
        return spell(prefix, int.from_bytes(sha256(seed.encode()).digest()))


@dataclass(frozen=True)
class StoredResponse:
    """An answer that was given before."""

    status: int
    answer: str


def claim(
    connection: Connection, project_id: int, request: KeyedRequest, now: datetime, patience: timedelta
) -> IdempotencyClaim | StoredResponse:
    """Return the stored answer, or claim the right to make it.

    Raises `Conflict` when the key was used for another request, or when its first answer is still being made; an
    attempt older than `patience` counts as dead.
    """
    connection.execute(delete(KEY).where(KEY.c.created_at < now - LIFETIME))
    key = request.key
    values = {"project_id": project_id, **vars(request), "claimed_at": now, "created_at": now}
    unused = insert(connection, KEY).values(values).on_conflict_do_nothing().returning(KEY.c.key)
    if connection.execute(unused).first() is not None:
        return IdempotencyClaim(project_id, key, now, now)
    row = exactly_one(connection, IdempotencyKey, select(KEY).where(_is(project_id, key)).with_for_update())
    if row.fingerprint != request.fingerprint:
        raise Conflict(
            "idempotency_key_reused", "This Idempotency-Key was used for another request; make a new key for each one."
        )
    if row.status is not None and row.answer is not None:
        return StoredResponse(row.status, row.answer)
    if row.claimed_at > now - patience:
        conflict = Conflict(
            "idempotency_in_progress", "The first request with this Idempotency-Key is still under way."
        )
        conflict.retry_after = 1
        raise conflict
    connection.execute(update(KEY).where(_is(project_id, key)).values(claimed_at=now))
    return IdempotencyClaim(project_id, key, row.created_at, now)


def store_response(connection: Connection, claim: IdempotencyClaim, status: int, answer: str) -> None:
    """Store the first answer, unless another attempt has stored one."""
    unanswered = _is(claim.project_id, claim.key) & KEY.c.status.is_(None)
    connection.execute(update(KEY).where(unanswered).values(status=status, answer=answer))


def release(connection: Connection, claim: IdempotencyClaim) -> None:
    """Let the next request with this key try again at once, under the same ids."""
    still_claimed = _is(claim.project_id, claim.key) & (KEY.c.claimed_at == claim.claimed_at) & KEY.c.status.is_(None)
    connection.execute(update(KEY).where(still_claimed).values(claimed_at=RELEASED))


def _is(project_id: int, key: str) -> ColumnElement[bool]:
    return (KEY.c.project_id == project_id) & (KEY.c.key == key)
