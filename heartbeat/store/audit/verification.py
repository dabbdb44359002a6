"""Prove a project's audit log: every entry is there, in its place, and as it was written."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from heartbeat.store.audit.chain import entry_hash
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.audit import AuditEntry, AuditHead

ENTRY, HEAD = columns(AuditEntry), columns(AuditHead)
BATCH_SIZE = 500


@dataclass(frozen=True)
class ChainProof:
    """What came of it: how many entries hold, the last one's number and hash, and what is wrong (empty: nothing)."""

    entries: int = 0
    number: int = 0
    hash: str = ""
    problem: str = ""


def prove_chain(connection: Connection, project_id: int) -> ChainProof:
    """Read a project's whole audit log and hold each entry to its hash; stops at the first that is wrong."""
    head = HEAD.alias("head")
    of_head = (head.c.number.label("end"), head.c.hash.label("end_hash"), head.c.first_number, head.c.first_hash)
    # One statement, so that what others append meanwhile is in both or in neither.
    statement = (
        select(ENTRY, *of_head)
        .select_from(head.outerjoin(ENTRY, ENTRY.c.project_id == head.c.project_id))
        .where(head.c.project_id == project_id)
        .order_by(ENTRY.c.number)
    )
    with connection.execute(statement, execution_options={"yield_per": BATCH_SIZE}) as rows:
        return _walk(rows)


def _walk(rows: Iterable[Row[Any]]) -> ChainProof:
    proof, row = ChainProof(), None
    for row in rows:
        if not proof.number:
            proof = ChainProof(0, row.first_number, row.first_hash)
        if row.number is None:
            break
        proof = _next(proof, row)
        if proof.problem:
            return proof
    if row is not None and (row.end, row.end_hash) != (proof.number, proof.hash):
        return _wrong(proof, f"it ends with entry {proof.number}, and should with entry {row.end}")
    return proof


def _next(proof: ChainProof, row: Row[Any]) -> ChainProof:
    if row.number != proof.number + 1:
        return _wrong(proof, f"after entry {proof.number} comes entry {row.number}")
    if entry_hash(proof.hash, row._asdict()) != row.hash:
        return _wrong(proof, f"entry {row.number} is not as it was written")
    return ChainProof(proof.entries + 1, row.number, row.hash)


def _wrong(proof: ChainProof, problem: str) -> ChainProof:
    return ChainProof(proof.entries, proof.number, proof.hash, problem)
