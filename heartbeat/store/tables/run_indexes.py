"""Statements about the few runs that are in progress, or that are rehearsals, begin with the index of just these."""

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, literal_column

from heartbeat.store.tables.runs import Run

RUN = Run.metadata.tables["run"]

S = TypeVar("S", bound=Select[Any])

# Spelled out, without a parameter: a partial index is chosen by what it says.
IS_RUNNING: ColumnElement[Any] = literal_column("run.status = 'running'")
IS_REHEARSAL: ColumnElement[Any] = literal_column("run.dry_run")


def of_running(statement: S) -> S:
    """Take the runs in progress alone. Without statistics SQLite would rather walk through all runs."""
    return statement.where(IS_RUNNING).with_hint(RUN, "INDEXED BY ix_run_running", "sqlite")


def of_rehearsals(statement: S) -> S:
    """Take the rehearsals alone, which `statement` names the bot of."""
    return statement.where(IS_REHEARSAL).with_hint(RUN, "INDEXED BY ix_run_rehearsed", "sqlite")
