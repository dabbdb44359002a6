"""From each released version to this one, on one data directory: what was under way goes on, and nothing is lost.

It needs the repository with its history, and starts everything several times, so it runs on its own: `make
test-releases`.
"""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from heartbeat.store.credits.audit import audit
from heartbeat.store.database.database import Database
from tests.support.embedded import Embedded, listens
from tests.support.model_server import ModelServer
from tests.support.patience import PATIENCE, wait_until
from tests.support.processes import run_command
from tests.support.released_version import KEY, PROJECT, Life, ReleasedVersion, unpack_code
from tests.support.releases import COMMITS
from tests.support.tool_server import ToolServer

pytestmark = pytest.mark.outage


class Owner:
    """Whoever has the key of before, and comes back after the upgrade."""

    def __init__(self, url: str, bot: str) -> None:
        self._bot = bot
        self._http = httpx.Client(
            base_url=f"{url}/v1/bot", headers={"Authorization": f"Bearer {KEY}"}, trust_env=False, timeout=PATIENCE
        )

    def get(self, call: str, **query: Any) -> Any:
        return self._read(self._http.get(call, params={"project_id": PROJECT, "bot_id": self._bot, **query}))

    def post(self, call: str, **body: Any) -> Any:
        return self._read(self._http.post(call, json={"project_id": PROJECT, "bot_id": self._bot, **body}))

    def run(self, log: str) -> Any:
        return self.get("/run/read", run_id=log)["run"]

    def close(self) -> None:
        self._http.close()

    def _read(self, response: httpx.Response) -> Any:
        assert response.is_success, response.text
        return response.json()


@pytest.mark.parametrize("version", list(COMMITS))
def test_what_was_under_way_goes_on(version: str, tmp_path: Path) -> None:
    unpack_code(COMMITS[version], tmp_path / "code")
    data = tmp_path / "data"
    with ExitStack() as running:
        model = running.enter_context(closing(ModelServer()))
        desk = running.enter_context(closing(ToolServer()))
        old = ReleasedVersion(tmp_path / "code", data, model)
        life = Life(old, model, desk)
        facts = life.live()
        old.kill()
        life.answer()
        wait_until(lambda: not listens(old.temporal_port))
        variables = {
            "OPENAI_BASE_URL": model.base_url,
            "OPENAI_API_KEY": "sk",
            "HEARTBEAT_EGRESS_ALLOW": '["127.0.0.1"]',
        }
        new = running.enter_context(closing(Embedded(data, **variables))).wait_ready()
        owner = running.enter_context(closing(Owner(new.url, facts["bot"])))

        [approval] = owner.get("/approval/readall", state="pending")["approvals"]
        assert approval["log_id"] == facts["logs"]["asks"]
        owner.post("/approval/decide", approval_id=approval["uuid"], decision="approve")
        for name in ("asks", "hangs"):
            log = facts["logs"][name]
            ended = wait_until(lambda log=log: owner.run(log), lambda run: run["status"] != "running")
            assert (ended["status"], ended["credits_held"]) == ("success", 0), ended
        assert desk.times("book") == 1

        for heartbeat in facts["heartbeats"].values():
            if heartbeat.startswith("hb_"):
                row = owner.get("/heartbeat/read", heartbeat_id=heartbeat)["heartbeat"]
                assert (row["enabled"], row["schedule_state"]) == (1, "active")
        own = {"HEARTBEAT_DATA_DIR": str(data), "HEARTBEAT_TEMPORAL_PORT": str(new.temporal_port)}
        # Schedules that this version builds in another way are put anew, if Upkeep has not come to them yet.
        assert run_command("reconcile", **own).code == 0
        assert run_command("reconcile", **own).out == "Every schedule stands as its row says.\n"
        again = owner.post("/heartbeat/trigger", heartbeat_id=facts["heartbeats"]["answers"])["result"]
        assert again["status"] == "success"
        new.stop()
    with closing(Database(f"sqlite:///{data / 'heartbeat.db'}")) as database:
        assert database.read_now(audit) == []
