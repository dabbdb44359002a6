"""Histories recorded from real runs replay, so a changed workflow cannot break runs that are under way.

After a deliberate change that old histories need not survive, record anew: `pytest
tests/workflows/record_histories.py`.
"""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from heartbeat.temporal.converter import DATA_CONVERTER
from tests.support.histories import HISTORIES
from tests.support.world import SANDBOX
from workflows.agent_run import AgentRun
from workflows.notify import Notify
from workflows.upkeep import Upkeep

RECORDED = {path: path.read_text() for path in sorted(HISTORIES.rglob("*.json"))}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_recorded_histories_replay(path: Path) -> None:
    history = WorkflowHistory.from_json(path.stem, RECORDED[path])
    replayer = Replayer(workflows=[AgentRun, Notify, Upkeep], workflow_runner=SANDBOX, data_converter=DATA_CONVERTER)
    await replayer.replay_workflow(history)


def test_every_ending_of_a_run_is_recorded() -> None:
    assert {path.stem for path in RECORDED} == {
        "success",
        "acting",
        "paused",
        "retried",
        "phantom",
        "cancelled",
        "upkeep",
        # From the time when every run was closed by a local activity of its own; cannot be recorded any more.
        "closed_apart",
        # From the time when a call that failed left those beside it to themselves.
        "orphaned_calls",
    }
