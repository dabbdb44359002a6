"""The database went back while a run was under way, as with a failover that loses some seconds: the run is gone."""

import threading

from sqlalchemy import Connection

from tests.support.model_server import ModelServer, says
from tests.support.patience import until
from tests.support.world import World


def go_back(connection: Connection) -> None:
    for table in ("entry", "step", "run"):
        connection.exec_driver_sql(f"DELETE FROM {table}")


async def test_a_run_that_the_database_has_lost_ends(working: World, model: ModelServer) -> None:
    """Else its heartbeat would wait for it for ever, and the model be paid for each attempt."""
    answered = threading.Event()
    reply = says("Too late.")
    reply.wait_for = answered
    model.script(reply)
    handle = await working.start()
    await until(lambda: model.requests)
    await working.database.write(go_back)
    answered.set()
    assert (await handle.result()).status == "error"
    assert len(model.requests) == 1
    model.script(says("All quiet."))
    assert (await working.run_once()).status == "success"
