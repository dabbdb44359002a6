"""What a plain run sends to the database: what its CPU is spent on, on either side."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from activities import think
from heartbeat.store.database.database import Database
from heartbeat.store.runs.candidates import TickClaim
from heartbeat.store.runs.opening import open_run
from heartbeat.store.runs.steps import NewStep
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.runs import LIMITS, by_hand, scheduled
from tests.support.seeds import NOW
from tests.support.statements import statements

ANSWER = NewStep(1, "All quiet.", "[]", "openai:gpt-x", 120, 5, 3)


def run_once(database: Database, claim: TickClaim) -> Counter[str]:
    """Count the statements of a run of one step by what opens, reads and settles it."""
    now = NOW + timedelta(seconds=1)
    with statements(database._engine) as opening:
        run = database.write_now(open_run, claim, LIMITS, now).run
    assert run is not None
    with statements(database._engine) as reading:
        database.read_now(think._first_step, run.uuid)
    with statements(database._engine) as settling:
        result = database.write_now(think._settle, run.uuid, ANSWER, LIMITS, timedelta(hours=1), now)
    assert result.close_result is not None
    assert result.close_result.status == "success"
    phases = {"open": opening, "read": reading, "settle": settling}
    return Counter({name: sum(not it.startswith("BEGIN") for it in sent) for name, sent in phases.items()})


@pytest.mark.parametrize(("way", "opening"), [(by_hand, 6), (scheduled, 7)])
def test_a_plain_run_sends_no_more(database: Database, heartbeat: Heartbeat, way: Any, opening: int) -> None:
    # The first one of a period and of a day has more to write.
    run_once(database, by_hand(heartbeat, "log_0"))
    assert run_once(database, way(heartbeat)) == {"open": opening, "read": 2, "settle": 12}
