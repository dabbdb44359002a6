"""Start the installed `heartbeat up`, run one heartbeat against a scripted model, and stop it again.

Run it with the Python that Heartbeat is installed in.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

# Last, so that `heartbeat` and `api` are the installed ones and only `tests` comes from the checkout.
sys.path.append(str(Path(__file__).parents[1]))

from tests.support.embedded import Embedded
from tests.support.model_server import ModelServer, says


def call(url: str, key: str, body: dict[str, Any]) -> Any:
    """The answer to a POST."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with urlopen(Request(url, json.dumps(body).encode(), headers)) as response:
        return json.load(response)


def run_one_heartbeat(stack: Embedded) -> Any:
    """Make a bot and a heartbeat and trigger it; return the run's result."""
    project, key = stack.access()
    created = call(f"{stack.url}/v1/bot/create", key, {"project_id": project, "name": "Smoke", "heartbeat": True})
    ids = {"project_id": project, "bot_id": created["bot"]["id"]}
    configured = call(f"{stack.url}/v1/bot/heartbeat/configure", key, {**ids, "prompt": "Say that all is well."})
    ids["heartbeat_id"] = configured["heartbeat"]["uuid"]
    return call(f"{stack.url}/v1/bot/heartbeat/trigger", key, ids)["result"]


def main() -> None:
    model = ModelServer()
    model.script(says("All is well.", 1200, 50))
    with tempfile.TemporaryDirectory() as directory:
        settings = {"OPENAI_BASE_URL": model.base_url, "HEARTBEAT_DEFAULT_MODEL": "openai:scripted"}
        stack = Embedded(Path(directory), **settings)
        try:
            stack.wait_ready()
            with urlopen(f"{stack.url}/readyz") as ready:
                print(f"/readyz: {ready.read().decode()}")
            result = run_one_heartbeat(stack)
            print(f"one run: {result}")
            assert (result["status"], result["response"]) == ("success", "All is well.")
            stack.stop()
            print("stopped, with all its children")
        finally:
            stack.close()
            model.close()


main()
