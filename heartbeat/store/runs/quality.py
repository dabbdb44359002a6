"""Whether a heartbeat's runs have become worse: told once, until they are as good as before again."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, or_, select, update

from heartbeat.domain.quality import COMPARED, JudgedRun, compare, has_recovered
from heartbeat.store.database.rows import columns
from heartbeat.store.notifications.events import QUALITY_DROPPED, record_event
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run

RUN, HEARTBEAT = columns(Run), columns(Heartbeat)

# Those since the runs became worse, and those that were compared then. What a person says outweighs the rest.
JUDGED = (
    select(RUN.c.id, func.coalesce(RUN.c.liked, RUN.c.expect_met))
    .where(
        RUN.c.heartbeat_id == bindparam("heartbeat"),
        # In the words of the index.
        or_(RUN.c.liked.is_not(None), RUN.c.expect_met.is_not(None)),
        RUN.c.dry_run.is_(False),
    )
    .order_by(RUN.c.id.desc())
    .limit(2 * COMPARED)
)
NOTE_DROP = (
    update(HEARTBEAT).where(HEARTBEAT.c.id == bindparam("key")).values(quality_dropped_run_id=bindparam("newest"))
)


def follow_quality(connection: Connection, heartbeat: Heartbeat, run: Run, now: datetime) -> list[str]:
    """Compare the last runs with those before, now that `run` was judged; returns the notifications of a drop.

    The heartbeat's row is locked.
    """
    judged = [JudgedRun(*row) for row in connection.execute(JUDGED, {"heartbeat": heartbeat.id})]
    dropped_run_id = heartbeat.quality_dropped_run_id
    if dropped_run_id is not None and not has_recovered(judged, dropped_run_id):
        return []
    comparison = compare(judged)
    has_dropped = comparison is not None and comparison.has_dropped
    if has_dropped or dropped_run_id is not None:
        newest = judged[0].id if has_dropped else None
        connection.execute(NOTE_DROP, {"key": heartbeat.id, "newest": newest})
    if comparison is None or not has_dropped:
        return []
    data = {
        "run": run.uuid,
        "recent": {"good": comparison.recent.good, "of": comparison.recent.of},
        "before": {"good": comparison.before.good, "of": comparison.before.of},
        "chance": round(comparison.chance, 6),
    }
    return record_event(connection, heartbeat, QUALITY_DROPPED, data, now, run.id)
