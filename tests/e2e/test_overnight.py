"""A night in a minute, through the real command: ticks run, the model breaks, the worker dies; nothing is lost."""

import os
import signal
import threading
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from tests.support.embedded import Embedded, Start
from tests.support.model_server import ModelServer, Reply, fails, says
from tests.support.past_minutes import PastMinutes
from tests.support.patience import PATIENCE, wait_until

pytestmark = pytest.mark.e2e


class Owner:
    """Somebody with a key, talking to the API as any client would."""

    def __init__(self, stack: Embedded) -> None:
        self.project, key = stack.access()
        self._http = httpx.Client(
            base_url=f"{stack.url}/v1/bot",
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=PATIENCE,
        )
        self.bot = self.post("create", name="Night watch", model="openai:scripted", heartbeat=1)["bot"]["uuid"]

    def post(self, call: str, **body: Any) -> Any:
        bot = {"bot_id": self.bot} if call != "create" else {}
        return self._answer(self._http.post(f"/{call}", json={"project_id": self.project, **bot, **body}))

    def get(self, call: str, **query: Any) -> Any:
        return self._answer(
            self._http.get(f"/{call}", params={"project_id": self.project, "bot_id": self.bot, **query})
        )

    def _answer(self, response: httpx.Response) -> Any:
        assert response.is_success, response.text
        return response.json()

    def close(self) -> None:
        self._http.close()


@pytest.fixture
def stack(start: Start, model: ModelServer) -> Embedded:
    return start(OPENAI_BASE_URL=model.base_url, OPENAI_API_KEY="test-key").wait_ready()


async def test_a_night(stack: Embedded, model: ModelServer) -> None:
    owner, temporal, minutes = Owner(stack), await stack.temporal(), PastMinutes()
    heartbeat = owner.post(
        "heartbeat/configure",
        prompt="Anything urgent?",
        cron_pattern=minutes.cron,
        enabled=True,
        max_consecutive_errors=2,
    )["heartbeat"]
    assert heartbeat["schedule_state"] == "active"

    def row() -> Any:
        return owner.get("heartbeat/read", heartbeat_id=heartbeat["uuid"])["heartbeat"]

    # Its ticks run.
    model.script(says("Nothing urgent.", 1200, 50))
    await minutes.run(temporal, heartbeat["uuid"], count=3)
    wait_until(row, lambda row: row["execution_count"] >= 3)

    # The model breaks: two failures in a row pause it, row and schedule.
    model.script(fails(401, "invalid_api_key"))
    await minutes.run(temporal, heartbeat["uuid"], count=2)
    paused = wait_until(row, lambda row: row["pause"] is not None)
    assert (paused["enabled"], paused["error_count"], paused["pause"]["reason"]) == (0, 2, "errors")
    assert "rejected the key" in paused["pause"]["message"]
    client = await Client.connect(f"127.0.0.1:{stack.temporal_port}")

    async def schedule_paused() -> bool:
        return (await client.get_schedule_handle(heartbeat["uuid"]).describe()).schedule.state.paused

    wait_until(row, lambda row: row["schedule_state"] == "none")
    assert await schedule_paused()

    # Mended and enabled again, it starts from 0; the only worker is killed in the middle of a run.
    hanging = threading.Event()
    model.script(Reply(wait_for=hanging), says("Back on watch.", 900, 100))
    requests = len(model.requests)
    assert owner.post("heartbeat/enable", heartbeat_id=heartbeat["uuid"])["heartbeat"]["error_count"] == 0
    result = owner.post("heartbeat/trigger", heartbeat_id=heartbeat["uuid"], wait=False)["result"]
    wait_until(lambda: len(model.requests), lambda count: count > requests)
    os.kill(stack.child("worker"), signal.SIGKILL)

    def log() -> Any:
        logs = owner.get("heartbeat/logs", heartbeat_id=heartbeat["uuid"], per_page=100)["logs"]
        return [log for log in logs if log["uuid"] == result["log_id"]]

    [ended] = wait_until(log, bool)
    hanging.set()
    assert (ended["status"], ended["response"], ended["trigger"]) == ("success", "Back on watch.", "manual")
    assert (ended["tokens_used"], ended["credits_charged"]) == (1000, 1)

    # Every log is there once, and what was charged adds up.
    owner.post("heartbeat/disable", heartbeat_id=heartbeat["uuid"])

    def charged() -> tuple[int, int]:
        used = row()["credits_used"]
        return sum(log["credits_charged"] for log in owner.get("heartbeat/logs", per_page=100)["logs"]), used

    wait_until(charged, lambda sums: sums[0] == sums[1])
    logs = owner.get("heartbeat/logs", per_page=100)["logs"]
    ticks = [log["scheduled_for"] for log in logs if log["trigger"] == "schedule"]
    assert len(ticks) == len(set(ticks))
    owner.close()
    stack.stop()
