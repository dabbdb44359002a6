"""Runs beside their replays: what each was asked, called, answered and charged."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from heartbeat.domain.errors import NotFound
from heartbeat.store.database.rows import columns, many
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run, Step, Variant

RUN, STEP, VARIANT = columns(Run), columns(Step), columns(Variant)

OF_PROJECT = select(RUN).where(
    RUN.c.project_id == bindparam("project"), RUN.c.uuid.in_(bindparam("uuids", expanding=True))
)
PROMISED = select(VARIANT).where(
    VARIANT.c.project_id == bindparam("project"), VARIANT.c.run_uuid.in_(bindparam("uuids", expanding=True))
)
STEPS = select(STEP).where(STEP.c.run_id.in_(bindparam("runs", expanding=True))).order_by(STEP.c.run_id, STEP.c.number)
# Each by an index that has the newest first, however many ticks were skipped since.
NEWEST = (
    select(RUN)
    .where(RUN.c.heartbeat_id == bindparam("heartbeat"), RUN.c.status == bindparam("status"), RUN.c.dry_run.is_(False))
    .order_by(RUN.c.id.desc())
    .limit(bindparam("most"))
)


@dataclass(frozen=True)
class ComparedRun:
    """A run with its steps in order; without a `run` it was promised, and no worker has opened it yet."""

    uuid: str
    run: Run | None
    steps: list[Step]
    replay_of: str | None

    @property
    def is_going(self) -> bool:
        return self.run is None or self.run.status == "running"


def compared_run(connection: Connection, access: Access, uuid: str) -> ComparedRun:
    """Read one run of the project, or what was promised of it; raises `NotFound`."""
    [run] = compared_runs(connection, access, [uuid])
    return run


def compared_runs(connection: Connection, access: Access, uuids: Sequence[str]) -> list[ComparedRun]:
    """Read runs of the project in this order; raises `NotFound`. The number of statements is always the same."""
    key = {"project": access.project.id, "uuids": [as_public_id(uuid) for uuid in uuids]}
    runs = {run.uuid: run for run in many(connection, Run, OF_PROJECT, key)}
    promised = {variant.run_uuid: variant for variant in many(connection, Variant, PROMISED, key)}
    steps: dict[int, list[Step]] = {run.id: [] for run in runs.values()}
    for step in many(connection, Step, STEPS, {"runs": list(steps)}):
        steps[step.run_id].append(step)
    missing = next((uuid for uuid in uuids if uuid not in runs and uuid not in promised), None)
    if missing is not None:
        raise NotFound("run", missing[:64])
    return [
        ComparedRun(uuid, runs[uuid], steps[runs[uuid].id], runs[uuid].replay_of)
        if uuid in runs
        else ComparedRun(uuid, None, [], promised[uuid].replay_of)
        for uuid in uuids
    ]


def newest_replayable(connection: Connection, heartbeat: Heartbeat, most: int) -> list[Run]:
    """Read the newest runs of a heartbeat in which a model was asked, newest first; no rehearsals."""
    runs: list[Run] = []
    for status in ("success", "error"):
        runs += many(connection, Run, NEWEST, {"heartbeat": heartbeat.id, "status": status, "most": most})
    return sorted(runs, key=lambda run: run.id, reverse=True)[:most]
