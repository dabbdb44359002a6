"""`heartbeat doctor --audit` and `heartbeat export audit`: the audit log, proved and as a file."""

import json
import sys
from contextlib import closing

import typer
from sqlalchemy import Connection

from heartbeat.cli.database import opened_database, read_database
from heartbeat.settings import Settings
from heartbeat.store.audit.reading import entries_after, show_entry
from heartbeat.store.audit.verification import BATCH_SIZE, ChainProof, prove_chain
from heartbeat.store.projects.projects import project, projects
from heartbeat.store.tables.projects import Project


def check_audit(settings: Settings) -> int:
    """Print what came of each project's chain; returns the exit code."""
    proofs = read_database(settings, _proofs)
    for uuid, proof in proofs:
        typer.echo(f"{uuid}: {_in_words(proof)}")
    return 1 if any(proof.problem for _, proof in proofs) else 0


def export_audit(settings: Settings, project_uuid: str | None) -> None:
    """Write a line of JSON for each entry of a project, or of all, in the order of the chain."""
    with closing(opened_database(settings)) as database:
        for one in database.read_now(_chosen, project_uuid):
            number = 0
            while entries := database.read_now(entries_after, one.id, number, BATCH_SIZE):
                for entry in entries:
                    line = {"project": one.uuid, **show_entry(entry)}
                    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
                number = entries[-1].number


def _chosen(connection: Connection, project_uuid: str | None) -> list[Project]:
    return projects(connection) if project_uuid is None else [project(connection, project_uuid)]


def _proofs(connection: Connection) -> list[tuple[str, ChainProof]]:
    return [(one.uuid, prove_chain(connection, one.id)) for one in projects(connection)]


def _in_words(proof: ChainProof) -> str:
    if proof.problem:
        return f"the audit log was changed: {proof.problem}."
    if not proof.number:
        return "nothing was recorded yet."
    return f"{proof.entries} entries hold; the last is {proof.number}, {proof.hash}"
