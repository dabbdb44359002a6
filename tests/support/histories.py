"""The recorded histories, those of earlier versions in `before/`: how one is recorded, and their replay."""

import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from temporalio.client import Client, WorkflowFailureError, WorkflowHistory
from temporalio.worker import Interceptor, Replayer

from heartbeat.temporal.converter import DATA_CONVERTER
from tests.support.world import SANDBOX
from worker import WORKFLOWS

HISTORIES = Path(__file__).parent.parent / "workflows" / "histories"
RECORDED = sorted(HISTORIES.rglob("*.json"))


@cache
def recorded(path: Path) -> WorkflowHistory:
    """One of `RECORDED`."""
    return WorkflowHistory.from_json(path.stem, path.read_text())


async def record(client: Client, name: str, workflow_id: str) -> None:
    """Write down the history of a workflow once it is closed."""
    handle = client.get_workflow_handle(workflow_id)
    with suppress(WorkflowFailureError):
        await handle.result()
    text = (await handle.fetch_history()).to_json()
    here = f"{HISTORIES.parent.parent.parent}/"
    (HISTORIES / f"{name}.json").write_text(text.replace(sys.prefix, ".venv").replace(here, ""))


async def replay(history: WorkflowHistory, *interceptors: Interceptor) -> None:
    """Replay one; raises what the workflow of today does otherwise."""
    replayer = Replayer(
        workflows=WORKFLOWS, workflow_runner=SANDBOX, data_converter=DATA_CONVERTER, interceptors=interceptors
    )
    await replayer.replay_workflow(history)
