"""The recorded histories, those of earlier versions in `before/`, and their replay."""

from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from heartbeat.temporal.converter import DATA_CONVERTER
from tests.support.world import SANDBOX
from worker import WORKFLOWS

HISTORIES = Path(__file__).parent.parent / "workflows" / "histories"


RECORDED = {path: WorkflowHistory.from_json(path.stem, path.read_text()) for path in sorted(HISTORIES.rglob("*.json"))}


async def replay(history: WorkflowHistory) -> None:
    """Replay one; raises what the workflow of today does otherwise."""
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=SANDBOX, data_converter=DATA_CONVERTER)
    await replayer.replay_workflow(history)
