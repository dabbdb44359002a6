"""Records what a released version leaves behind, once for each release: `python -m tests.releases.record VERSION`.

The archive has its data directory, as it is after a kill with runs open, waiting and scheduled, and the histories of
all its workflows. The version's code is taken from the repository (`COMMITS` in tests/support/releases.py).
"""

import asyncio
import json
import sqlite3
import sys
import tarfile
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from temporalio.client import Client

from tests.support.model_server import ModelServer
from tests.support.released_version import Life, ReleasedVersion, unpack_code
from tests.support.releases import COMMITS, archive
from tests.support.tool_server import ToolServer

FILES = ("heartbeat.db", "temporal.db", "secrets.key", "facts.json", "histories.json")


def record(version: str, home: Path) -> None:
    """Live with a version, kill it, and pack what is left."""
    data = home / "data"
    unpack_code(COMMITS[version], home / "code")
    with closing(ModelServer()) as model, closing(ToolServer()) as desk:
        old = ReleasedVersion(home / "code", data, model)
        life = Life(old, model, desk)
        facts = life.live()
        histories = asyncio.run(_histories(old.temporal_port))
        old.kill()
        life.answer()
    for name, content in (("facts.json", facts), ("histories.json", histories)):
        (data / name).write_text(json.dumps(content))
    for name in ("heartbeat.db", "temporal.db"):
        _into_one_file(data / name)
    with tarfile.open(archive(version), "w:xz") as packed:
        for name in FILES:
            packed.add(data / name, name)


async def _histories(port: int) -> dict[str, Any]:
    """The history of each workflow that there is, by its id: those of runs, and one of each other kind."""
    client = await Client.connect(f"127.0.0.1:{port}")
    histories: dict[str, Any] = {}
    kinds = set()
    async for workflow in client.list_workflows():
        if workflow.workflow_type == "AgentRun" or workflow.workflow_type not in kinds:
            kinds.add(workflow.workflow_type)
            handle = client.get_workflow_handle(workflow.id, run_id=workflow.run_id)
            histories[workflow.id] = (await handle.fetch_history()).to_json_dict()
    return {name: each for name, each in histories.items() if not name.startswith("temporal-sys")}


def _into_one_file(database: Path) -> None:
    """What the log beside a SQLite file has, put into it."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=delete")


if __name__ == "__main__":
    with TemporaryDirectory() as directory:
        record(sys.argv[1], Path(directory))
