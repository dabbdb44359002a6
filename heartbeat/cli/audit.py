"""`heartbeat doctor --audit`: whether the audit log of every project is as it was written."""

import typer
from sqlalchemy import Connection

from heartbeat.cli.database import read_database
from heartbeat.settings import Settings
from heartbeat.store.audit.verification import ChainProof, prove_chain
from heartbeat.store.projects.projects import projects


def check_audit(settings: Settings) -> int:
    """Print what came of each project's chain; returns the exit code."""
    proofs = read_database(settings, _proofs)
    for uuid, proof in proofs:
        typer.echo(f"{uuid}: {_in_words(proof)}")
    return 1 if any(proof.problem for _, proof in proofs) else 0


def _proofs(connection: Connection) -> list[tuple[str, ChainProof]]:
    return [(one.uuid, prove_chain(connection, one.id)) for one in projects(connection)]


def _in_words(proof: ChainProof) -> str:
    if proof.problem:
        return f"the audit log was changed: {proof.problem}."
    if not proof.number:
        return "nothing was recorded yet."
    return f"{proof.entries} entries hold; the last is {proof.number}, {proof.hash}"
