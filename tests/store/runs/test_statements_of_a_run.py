"""What a plain run sends to the database: what its CPU is spent on, on either side."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from activities import think
from heartbeat.store.database import Database
from heartbeat.store.runs.candidates import TickClaim
from heartbeat.store.runs.opening import open_run
from heartbeat.store.runs.steps import NewStep
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.runs import LIMITS, by_hand, scheduled
from tests.support.seeds import NOW

ANSWER = NewStep(1, "All quiet.", "[]", "openai:gpt-x", 120, 5, 3)


def run_once(database: Database, claim: TickClaim) -> Counter[str]:
    """Count the statements of a run of one step by what opens, reads and settles it."""
    counts, now = Counter[str](), NOW + timedelta(seconds=1)

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        counts[phase] += not statement.startswith("BEGIN")

    event.listen(database._engine, "before_cursor_execute", note)
    try:
        phase = "open"
        run = database.write_now(open_run, claim, LIMITS, now).run
        assert run is not None
        phase = "read"
        database.read_now(think._first_step, run.uuid)
        phase = "settle"
        result = database.write_now(think._settle, run.uuid, ANSWER, LIMITS, timedelta(hours=1), now)
    finally:
        event.remove(database._engine, "before_cursor_execute", note)
    assert result.close_result is not None
    assert result.close_result.status == "success"
    return counts


@pytest.mark.parametrize(("way", "opening"), [(by_hand, 6), (scheduled, 7)])
def test_a_plain_run_sends_no_more(database: Database, heartbeat: Heartbeat, way: Any, opening: int) -> None:
    # The first one of a period and of a day has more to write.
    run_once(database, by_hand(heartbeat, "log_0"))
    assert run_once(database, way(heartbeat)) == {"open": opening, "read": 2, "settle": 12}
