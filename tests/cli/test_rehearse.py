"""`heartbeat rehearse` and `heartbeat replay` as an operator runs them: processes of their own."""

import asyncio
import json
from getpass import getuser

import pytest
from sqlalchemy import select

from heartbeat.store.runs.runs import RUN
from tests.support.acting import book
from tests.support.model_server import ModelServer, asks, says
from tests.support.processes import run_command
from tests.support.tool_server import ToolServer
from tests.support.world import World

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def command(world: World, *arguments: str) -> tuple[int, str, str]:
    variables = {
        "HEARTBEAT_DATABASE_URL": world.settings.store_url(),
        "HEARTBEAT_TASK_QUEUE": world.settings.task_queue,
        "TEMPORAL_ADDRESS": world.settings.temporal_target(),
        "OPENAI_BASE_URL": world.settings.openai_base_url or "",
        "OPENAI_API_KEY": "operators-key",
        "HEARTBEAT_CURRENCY_PER_CREDIT": "0.5 EUR",
    }
    outcome = await asyncio.to_thread(run_command, *arguments, **variables)
    return outcome.code, outcome.out, outcome.err


async def test_rehearse(agent: World, model: ModelServer, desk: ToolServer) -> None:
    model.script(asks(book("a table")), says("It is booked."))
    code, out, err = await command(agent, "rehearse", agent.heartbeat.uuid)
    assert (code, err) == (0, "")
    assert 'It would have called\n  desk__book {"what": "a table"}\n' in out
    assert "It would have told nobody." in out
    assert "It cost 2 credits, 1 EUR (240 tokens, 0 US dollars)" in out
    assert "The model was really asked, and is charged" in out
    assert desk.made == []
    started = await agent.database.read(lambda c: list(c.execute(select(RUN.c.triggered_by)).scalars()))
    assert started == [f"{getuser()} at the command line"]

    model.script(asks(book("a table")), says("It is booked."))
    code, out, _ = await command(agent, "rehearse", agent.heartbeat.uuid, "--json", "--project", agent.project.uuid)
    said = json.loads(out)
    assert said["would_have_called"] == [
        {"tool": "desk__book", "arguments": {"what": "a table"}, "needs_approval": False}
    ]
    assert (code, said["status"], said["credits_charged"], said["price"]) == (0, "success", 2, "1 EUR")
    assert said["price_per_month"] == f"{said['credits_per_month'] / 2:.10g} EUR"
    assert said["credits_per_month"] == pytest.approx(2 * said["runs_per_month"], abs=1)


async def test_rehearse_what_is_not_there(agent: World) -> None:
    code, _, err = await command(agent, "rehearse", "hb_nowhere")
    assert (code, err) == (1, "heartbeat: There is no heartbeat 'hb_nowhere' here; check the id.\n")


async def test_rehearse_without_a_worker_starts_nothing(world: World) -> None:
    code, _, err = await command(world, "rehearse", world.heartbeat.uuid)
    assert code == 1
    assert "nothing would run this" in err


async def test_replay(agent: World, model: ModelServer) -> None:
    model.script(asks(book("a table")), says("It is booked."))
    log = await agent.run_once()
    model.script(asks(book("a table")), says("Booked, and gladly.", 2000, 10))
    code, out, err = await command(agent, "replay", log.uuid, "--prompt", "Be kind.", "--model", "openai:other")
    assert (code, err) == (0, "")
    assert model.requests[-1]["authorization"] == "Bearer operators-key"
    for words in (
        "openai:scripted",
        "openai:other",
        "It is booked.",
        "Booked, and gladly.",
        "Be kind.",
        "2130",
        "1 EUR",
    ):
        assert words in out
    assert "nothing is written or charged" in " ".join(out.split())

    code, out, _ = await command(agent, "replay", log.uuid, "--json")
    said = json.loads(out)
    assert (code, said["original"]["answer"], said["replay"]["answer"]) == (0, "It is booked.", "Booked, and gladly.")
    assert said["replay"]["prompt"] == said["original"]["prompt"] == "Check the queue."
    for side in said.values():
        assert side["price"] == f"{side['credits'] / 2:g} EUR"


async def test_replay_what_is_not_there(agent: World) -> None:
    code, _, err = await command(agent, "replay", "log_nowhere")
    assert (code, err) == (1, "heartbeat: There is no run 'log_nowhere' here; check the id.\n")
