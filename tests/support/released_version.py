"""A released version at work, from its own code: what it leaves behind when it is killed is what the next one finds."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx

from tests.support.embedded import OWN
from tests.support.model_server import ModelServer, Reply, asks, fails, says
from tests.support.patience import PATIENCE, wait_until
from tests.support.ports import free_ports
from tests.support.tool_server import ToolServer

ROOT = Path(__file__).parents[2]
PROJECT, KEY = "proj_of_before", "a-key-of-before"
# Far away from any time at which this is run.
YEARLY = "0 0 1 1 *"


def unpack_code(commit: str, directory: Path) -> None:
    """Put the project there as it was at a commit."""
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as tree:
        tree.extractall(directory, filter="data")


class ReleasedVersion:
    """`heartbeat up` of an older version on a data directory of its own, with a scripted model and a tool server."""

    def __init__(self, code: Path, data: Path, model: ModelServer) -> None:
        self.data = data
        self.port, self.temporal_port, ui_port = free_ports(3)
        entry = next(line for line in (code / "pyproject.toml").read_text().splitlines() if "heartbeat = " in line)
        module = entry.split('"')[1].partition(":")[0]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
        own = {
            "PYTHONPATH": str(code),
            "HEARTBEAT_DATA_DIR": str(data),
            "HEARTBEAT_PORT": str(self.port),
            "HEARTBEAT_TEMPORAL_PORT": str(self.temporal_port),
            "HEARTBEAT_TEMPORAL_UI_PORT": str(ui_port),
            "HEARTBEAT_PROJECT_ID": PROJECT,
            "HEARTBEAT_API_KEY": KEY,
            "HEARTBEAT_EGRESS_ALLOW": '["127.0.0.1"]',
            "OPENAI_BASE_URL": model.base_url,
            "OPENAI_API_KEY": "sk-of-before",
            "OLLAMA_BASE_URL": "http://127.0.0.1:9/v1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", f"from {module} import main; main()", "up"],
            cwd=data.parent,
            env=inherited | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {KEY}"},
            trust_env=False,
            timeout=PATIENCE,
        )
        wait_until(self.ready)

    def ready(self) -> bool:
        assert self.process.poll() is None, "it ended"
        try:
            return self.http.get("/readyz").is_success
        except httpx.HTTPError:
            return False

    def post(self, call: str, **body: Any) -> Any:
        response = self.http.post(f"/v1/bot/{call}", json={"project_id": PROJECT, **body})
        assert response.is_success, response.text
        return response.json()

    def get(self, call: str, **query: Any) -> Any:
        response = self.http.get(f"/v1/bot/{call}", params={"project_id": PROJECT, **query})
        assert response.is_success, response.text
        return response.json()

    def kill(self) -> None:
        """End it and all that it started, without a word."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.http.close()


class Life:
    """What happens at a release before it is killed: runs that end in each way, and some that have not ended."""

    def __init__(self, version: ReleasedVersion, model: ModelServer, desk: ToolServer) -> None:
        self._version = version
        self._hanging = threading.Event()
        self._model = model
        model.reply = self._reply
        self.bot = version.post("create", name="Night watch", model="openai:scripted", heartbeat=1)["bot"]["uuid"]
        tool = {"server_label": "desk", "server_url": desk.url, "transport": "http"}
        version.post("tool", bot_id=self.bot, **tool, require_approval="always")
        self.heartbeats: dict[str, str] = {}
        self.logs: dict[str, str] = {}

    def live(self) -> dict[str, Any]:
        """Have it all happen; returns what is to be known of it."""
        for prompt in ("answers", "fails", "works", "asks", "is denied", "is cancelled", "hangs"):
            self._configure(prompt)
            self.logs[prompt] = self._trigger(prompt)
        for prompt in ("answers", "fails", "works"):
            self._until(prompt, lambda run: run["status"] != "running")
        for prompt in ("asks", "is denied"):
            self._until_asked(prompt)
        self._decide("is denied", "deny")
        self._until("is denied", lambda run: run["status"] != "running")
        wait_until(lambda: self._model_was_asked("is cancelled") and self._model_was_asked("hangs"))
        cancelled = {"heartbeat_id": self.heartbeats["is cancelled"], "log_id": self.logs["is cancelled"]}
        self._version.post("heartbeat/cancel", bot_id=self.bot, **cancelled)
        task = {
            "name": "Figures",
            "prompt": "Case: answers.",
            "schedule_type": "daily",
            "schedule_config": {"time": "04:00"},
        }
        self.heartbeats["task"] = self._version.post("task/create", bot_id=self.bot, **task)["task"]["uuid"]
        return {"bot": self.bot, "heartbeats": self.heartbeats, "logs": self.logs, "key": KEY, "project": PROJECT}

    def answer(self) -> None:
        """Let the model answer what it has left unanswered."""
        self._hanging.set()

    def _configure(self, prompt: str) -> None:
        fields = {"prompt": f"Case: {prompt}.", "cron_pattern": YEARLY, "enabled": True, "external_id": prompt}
        row = self._version.post("heartbeat/configure", bot_id=self.bot, **fields)["heartbeat"]
        self.heartbeats[prompt] = row["uuid"]

    def _trigger(self, prompt: str) -> str:
        which = {"heartbeat_id": self.heartbeats[prompt], "wait": False}
        return str(self._version.post("heartbeat/trigger", bot_id=self.bot, **which)["result"]["log_id"])

    def _until(self, prompt: str, holds: Any) -> None:
        wait_until(lambda: self._version.get("run/read", bot_id=self.bot, run_id=self.logs[prompt])["run"], holds)

    def _approval(self, prompt: str) -> Any:
        approvals = self._version.get("approval/readall", bot_id=self.bot, state="pending")["approvals"]
        return next((one for one in approvals if one["log_id"] == self.logs[prompt]), None)

    def _until_asked(self, prompt: str) -> None:
        wait_until(lambda: self._approval(prompt))

    def _decide(self, prompt: str, decision: str) -> None:
        approval = self._approval(prompt)["uuid"]
        self._version.post("approval/decide", bot_id=self.bot, approval_id=approval, decision=decision)

    def _model_was_asked(self, prompt: str) -> bool:
        return any(_is_about(request, prompt) for request in list(self._model.requests))

    def _reply(self, request: dict[str, Any]) -> Reply:
        answered = any(message["role"] == "tool" for message in request["messages"])
        if _is_about(request, "fails"):
            return fails(401)
        if _is_about(request, "works") and not answered:
            return asks(("report", {"outcome": "nothing_to_report", "summary": "Quiet."}))
        if (_is_about(request, "asks") or _is_about(request, "is denied")) and not answered:
            return asks(("desk__book", {"what": "a castle"}))
        if _is_about(request, "is cancelled") or (_is_about(request, "hangs") and not self._hanging.is_set()):
            return Reply(wait_for=self._hanging, body=says("Too late.").body)
        return says("All quiet.")


def _is_about(request: dict[str, Any], prompt: str) -> bool:
    return any(
        f"Case: {prompt}." in json.dumps(message) for message in request["messages"] if message["role"] == "user"
    )
