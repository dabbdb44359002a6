"""What people say of runs: a thumb up or down, with a note if they want. The last word counts."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, update

from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.store.audit.recording import field_changes, record
from heartbeat.store.credits.rollup import add_to_day
from heartbeat.store.database.rows import columns, exactly_one, joined
from heartbeat.store.projects.access import as_public_id
from heartbeat.store.runs.closing import LOCK
from heartbeat.store.runs.quality import follow_quality
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run

RUN = columns(Run)


@dataclass(frozen=True)
class Rating:
    """What somebody said; `liked` is `None` when they take it back. `by` is how they said it."""

    liked: bool | None
    note: str | None
    by: str = ""


def rate(connection: Connection, run_uuid: str, rating: Rating, now: datetime) -> Run:
    """Rate a run that has ended, once or anew. Raises `NotFound`, and `Conflict` for what cannot be rated."""
    locked = joined(connection, (Run, Heartbeat), LOCK, {"key": as_public_id(run_uuid)})
    if locked is None:
        raise NotFound("run", run_uuid[:64])
    run, heartbeat, _ = locked
    _require_rateable(run)
    values: dict[str, object] = {"liked": rating.liked, "rating_note": None, "rated_by": None, "rated_at": None}
    if rating.liked is not None:
        values |= {"rating_note": rating.note or None, "rated_by": rating.by, "rated_at": now}
    written = update(RUN).where(RUN.c.id == run.id).values(values).returning(RUN)
    rated = exactly_one(connection, Run, written)
    if changes := field_changes(vars(run), {name: values[name] for name in ("liked", "rating_note")}):
        record(connection, run.project_id, "run.rate", run.uuid, heartbeat.label, changes)
    if rated.liked != run.liked:
        add_to_day(connection, heartbeat, run.created_at, _counts(run.liked, rated.liked), run.model)
        follow_quality(connection, heartbeat, run, now)
    return rated


def can_be_rated(run: Run) -> bool:
    """Tell whether it ran and has ended; a rehearsal counts nowhere."""
    return run.status in ("success", "error", "cancelled") and not run.dry_run


def sealed_as(run_uuid: str) -> str:
    """What the token of a link to rate this run is bound to."""
    return f"rating:{run_uuid}"


def _require_rateable(run: Run) -> None:
    if run.dry_run:
        raise Conflict("not_rateable", "A rehearsal is not rated, for it counts nowhere; rate the runs that follow.")
    if run.status == "running":
        raise Conflict("not_rateable", "This run has not ended yet; rate it when it has.")
    if not can_be_rated(run):
        raise Conflict("not_rateable", "This tick was skipped: nothing ran that could be rated.")


def _counts(before: bool | None, after: bool | None) -> dict[str, int]:
    """What a rating adds to the numbers of a day, and what it takes away of the one before."""
    return {name: (after is liked) - (before is liked) for name, liked in (("liked", True), ("disliked", False))}
