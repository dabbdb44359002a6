"""A canary in every secret field; then the whole installation is searched for them: files, terminal, answers."""

import json
import os
import sys
from base64 import b64encode
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.authorization_server import AuthorizationServer
from tests.support.embedded import Embedded, Start
from tests.support.model_server import ModelServer, asks, fails, says
from tests.support.patience import PATIENCE
from tests.support.tool_server import ToolServer

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]


class Canaries(dict[str, str]):
    """What must be nowhere."""

    def found_in(self, text: bytes) -> list[str]:
        return [name for name, value in self.items() if value.encode() in text]

    def with_grants(self, authorization: AuthorizationServer) -> "Canaries":
        """These, and whatever `authorization` has granted and was shown."""
        verifiers = [request["code_verifier"] for request in authorization.token_requests if "code_verifier" in request]
        tokens = authorization.register.tokens
        granted = [*(one.access_token for one in tokens), *(one.refresh_token for one in tokens), *verifiers]
        return Canaries(self, **{f"granted_{number}": str(secret) for number, secret in enumerate(granted)})


CANARIES = Canaries(
    api_key="canary-api-key-3141592653",
    model_key="sk-canary-model-2718281828",
    header="canary-header-1618033988",
    other_header="canary-replaced-1414213562",
    query="canary-query-2236067977",
    stdio="canary-stdio-1732050807",
    secret_key=b64encode(b"canary-secret-key-0123456789abcd").decode(),
)


class Caller:
    """An API client that keeps every answer it got."""

    def __init__(self, stack: Embedded) -> None:
        self.project = {"project_id": "proj_canary"}
        headers = {"authorization": f"Bearer {CANARIES['api_key']}"}
        self._http = httpx.Client(base_url=f"{stack.url}/v1/bot", headers=headers, trust_env=False, timeout=PATIENCE)
        self.answers: list[bytes] = []

    def __call__(self, method: str, path: str, **fields: Any) -> Any:
        where = {"params": {**self.project, **fields}} if method == "GET" else {"json": {**self.project, **fields}}
        answer = self._http.request(method, path, **where)
        self.answers.append(answer.content + repr(answer.headers.raw).encode())
        return answer.json()

    def close(self) -> None:
        self._http.close()


def test_no_secret_is_anywhere(start: Start, model: ModelServer, tmp_path: Path) -> None:
    variables = {
        "HEARTBEAT_PROJECT_ID": "proj_canary",
        "HEARTBEAT_API_KEY": CANARIES["api_key"],
        "HEARTBEAT_SECRET_KEYS": f"k1:{CANARIES['secret_key']}",
        "HEARTBEAT_EGRESS_ALLOW": '["127.0.0.1"]',
        "HEARTBEAT_STDIO_TOOLS": _stdio(),
        "HEARTBEAT_DEFAULT_MODEL": "openai:scripted",
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": CANARIES["model_key"],
    }
    with (
        closing(ToolServer(header=("x-desk", CANARIES["header"]))) as desk,
        closing(AuthorizationServer()) as authorization,
        closing(ToolServer(authorization=authorization)) as mail,
    ):
        stack = start(**variables).wait_ready()
        with closing(Caller(stack)) as call:
            bot = _connect(call, desk)
            _sign_in(call, bot, mail, authorization)
            _run(call, bot, model)
        assert [received.tool for server in (desk, mail) for received in server.made] == ["whoami", "whoami"]
        stack.stop()
    canaries = CANARIES.with_grants(authorization)
    assert len(canaries) == len(CANARIES) + 5, "two tokens, two in their place, and a verifier"
    terminal = "\n".join(stack.lines).encode()
    assert canaries.found_in(terminal) == []
    assert [seen for answer in call.answers if (seen := canaries.found_in(answer))] == []
    assert [
        seen for request in model.requests if (seen := canaries.found_in(json.dumps(request["messages"]).encode()))
    ] == []
    files = {path.name: canaries.found_in(path.read_bytes()) for path in stack.data_dir.rglob("*") if path.is_file()}
    assert {"heartbeat.db", "temporal.db"} <= files.keys()
    assert {name: seen for name, seen in files.items() if seen} == {}


def _connect(call: Caller, desk: ToolServer) -> str:
    """Connect, change, fail: whatever touches a secret on its way; returns the bot."""
    bot = call("POST", "/create", name="Canary", heartbeat=1)["bot"]["uuid"]
    address = {
        "bot_id": bot,
        "server_label": "desk",
        "server_url": f"{desk.url}?key={CANARIES['query']}",
        "transport": "http",
    }
    created = call("POST", "/tool", **address, headers={"x-desk": CANARIES["other_header"]})
    tool = created["tool"]["id"]
    assert created["tool"]["last_error"]
    call("POST", f"/tool/{tool}/test", bot_id=bot)
    call("PUT", f"/tool/{tool}", bot_id=bot, headers={"x-desk": CANARIES["header"]})
    call("POST", f"/tool/{tool}/refresh", bot_id=bot)
    call("GET", f"/tool/{tool}", bot_id=bot)
    call("GET", "/tool", bot_id=bot)
    return str(bot)


def _sign_in(call: Caller, bot: str, mail: ToolServer, authorization: AuthorizationServer) -> None:
    """Sign in, and have the server let the first token in no more."""
    created = call("POST", "/tool", bot_id=bot, server_label="mail", server_url=mail.url, transport="http")
    answer = httpx.get(authorization.approve(created["authorize_url"]), trust_env=False, timeout=PATIENCE)
    call.answers.append(answer.content)
    assert answer.status_code == 200, answer.text
    assert call("GET", "/tool/" + created["tool"]["id"], bot_id=bot)["tool"]["connection"]["state"] == "connected"
    authorization.refuse_access_tokens()


def _run(call: Caller, bot: str, model: ModelServer) -> None:
    heartbeat = call("POST", "/heartbeat/configure", bot_id=bot, prompt="Who am I?")["heartbeat"]["uuid"]
    # The servers say every header back, the operator's tool its environment, the provider the key it was sent.
    model.script(
        asks(("desk__whoami", {}), ("own__whoami", {}), ("mail__whoami", {})),
        says("A nobody."),
        fails(401, "invalid_api_key", f"Incorrect API key provided: {CANARIES['model_key']}"),
    )
    for status in ("success", "error"):
        done = call("POST", "/heartbeat/trigger", bot_id=bot, heartbeat_id=heartbeat)["result"]
        assert done["status"] == status
    for log in call("GET", "/heartbeat/logs", bot_id=bot)["logs"]:
        call("GET", "/run/read", bot_id=bot, run_id=log["uuid"])
    results = [m["content"] for m in model.requests[1]["messages"] if m["role"] == "tool"]
    assert all("•••" in text for text in results)
    assert [CANARIES.found_in(text.encode()) for text in results] == [[], [], []]


def _stdio() -> str:
    own = {"command": sys.executable, "args": ["-m", "tests.support.tool_server", "stdio"]}
    return json.dumps({"own": {**own, "env": {"DESK_TOKEN": CANARIES["stdio"], "PYTHONPATH": os.fspath(ROOT)}}})
