"""First answers to requests that carried an `Idempotency-Key`, or were forms; kept for a day."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy import ColumnElement, Connection, delete, select, update

from heartbeat.domain.errors import Conflict
from heartbeat.domain.ids import spell
from heartbeat.store.database.rows import columns, exactly_one, insert
from heartbeat.store.tables.projects import IdempotencyKey

KEY = columns(IdempotencyKey)

LIFETIME = timedelta(hours=24)
RELEASED = datetime(2000, 1, 1, tzinfo=UTC)
# Whoever makes an answer renews its claim; one that is older than this is of a process that died or was stopped.
LEASE = timedelta(seconds=15)
# The status while the answer is still being made, but what was asked for was done.
DONE = 102
TAKEN_OVER = "idempotency_taken_over"


@dataclass(frozen=True)
class KeyedRequest:
    """A request that carries a key; its `fingerprint` is the same for the same request alone."""

    key: str
    fingerprint: str


@dataclass(frozen=True)
class IdempotencyClaim:
    """The right of one attempt to answer a key's request. `first_used_at` is the same for every attempt.

    `claimed_at`, when it was made or renewed, tells it from those of other attempts.
    """

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
    connection: Connection, project_id: int, request: KeyedRequest, now: datetime, lease: timedelta = LEASE
) -> IdempotencyClaim | StoredResponse:
    """Return the stored answer, or claim the right to make it.

    Raises `Conflict` when the key was used for another request, when its first answer is still being made, and when
    that was lost after what was asked for had been done. A claim older than `lease` is of an attempt that died.
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
    if row.claimed_at > now - lease:
        conflict = Conflict(
            "idempotency_in_progress", "The first request with this Idempotency-Key is still under way."
        )
        conflict.retry_after = 1
        raise conflict
    if row.status == DONE:
        raise Conflict(
            "idempotency_answer_lost",
            "The first request with this Idempotency-Key was carried out, but its answer was lost; read what is there.",
        )
    connection.execute(update(KEY).where(_is(project_id, key)).values(claimed_at=now))
    return IdempotencyClaim(project_id, key, row.created_at, now)


def renew(connection: Connection, claim: IdempotencyClaim, now: datetime) -> IdempotencyClaim | None:
    """Keep the claim for another while; `None` when another attempt has taken it over."""
    renewed = connection.execute(update(KEY).where(_is_held(claim)).values(claimed_at=now))
    return replace(claim, claimed_at=now) if renewed.rowcount else None


def begin_change(connection: Connection, claim: IdempotencyClaim) -> None:
    """Say, in the transaction of the change, that what was asked for is done: it is done at most once.

    Raises `Conflict` when another attempt has taken the claim over.
    """
    if not connection.execute(update(KEY).where(_is_held(claim)).values(status=DONE)).rowcount:
        raise Conflict(TAKEN_OVER, "Another request with this Idempotency-Key has taken over meanwhile.")


def store_response(connection: Connection, claim: IdempotencyClaim, status: int, answer: str) -> None:
    """Store the first answer, unless another attempt has taken the claim over."""
    connection.execute(update(KEY).where(_is_held(claim)).values(status=status, answer=answer))


def release(connection: Connection, claim: IdempotencyClaim) -> None:
    """Let the next request with this key try again at once, under the same ids."""
    connection.execute(update(KEY).where(_is_held(claim)).values(claimed_at=RELEASED))


def _is_held(claim: IdempotencyClaim) -> ColumnElement[bool]:
    """Whether nobody else has claimed the key since, or answered it."""
    return _is(claim.project_id, claim.key) & (KEY.c.claimed_at == claim.claimed_at) & KEY.c.answer.is_(None)


def _is(project_id: int, key: str) -> ColumnElement[bool]:
    return (KEY.c.project_id == project_id) & (KEY.c.key == key)
