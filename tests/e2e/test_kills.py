"""Worker, API and Temporal killed while people are being told and asked: each message once, the approved call once.

Four runs are caught at one moment: one that has just written its message into the store, one whose message is at a
receiver that has not answered yet, one that waits for a person, and one that waits for credits. Then somebody dies.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from heartbeat.domain.secret_keys import new_key
from heartbeat.store.credits.audit import audit
from heartbeat.store.tables.notifications import Notification
from heartbeat.store.tables.runs import Approval, Run
from tests.support.model_server import ModelServer, Reply, asks, says
from tests.support.patience import PATIENCE, wait_until
from tests.support.site import Fork, Site, Temporal
from tests.support.store_world import SECRET
from tests.support.tool_server import ToolServer

pytestmark = [
    pytest.mark.e2e,
    # A goodbye to the tool server that is cut short leaves its socket to the collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Inbox:
    """A person's webhook: it verifies what it gets and keeps it, and answers while `open` is set."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.open = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def ids(self, about: str) -> list[str]:
        """The ids of what it was told about this heartbeat, in order, repetitions too."""
        return [uuid for uuid, event in list(self.got) if event["data"]["heartbeat"] == about]

    def link(self, about: str) -> str:
        """Where a person says yes to what this heartbeat asked."""
        return next(event["data"]["link"] for _, event in self.got if event["data"]["heartbeat"] == about)

    def close(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    owner: Inbox

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        event = Webhook(SECRET).verify(body, dict(self.headers))
        self.owner.got.append((self.headers["webhook-id"], event))
        self.owner.open.wait()
        # Whoever asked may be dead by now.
        try:
            self.send_response(204)
            self.end_headers()
        except OSError:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """The test reads `got`; its terminal stays quiet."""


class Office:
    """A site whose bot has a desk at which every call needs a yes, and an inbox that hears of everything."""

    def __init__(self, home: Path, running: ExitStack) -> None:
        self.model, self.inbox = running.enter_context(closing(ModelServer())), running.enter_context(closing(Inbox()))
        self.desk = running.enter_context(closing(ToolServer()))
        self.model.reply = answered
        self.halt = home / "halt"
        variables = {
            "HALT_ONCE": str(self.halt),
            "HEARTBEAT_EGRESS_ALLOW": '["127.0.0.1"]',
            "HEARTBEAT_SECRET_KEYS": new_key(),
        }
        self.site = running.enter_context(closing(Site(home, self.model, "tests.support.halting_worker", **variables)))
        wait_until(self.site.ready)
        self.bot = self.post("create", name="Office", heartbeat=1)["bot"]["uuid"]
        config = {"url": self.inbox.url, "secret": SECRET}
        self.post("notification/target/create", channel="webhook", config=config)
        desk = {"server_label": "desk", "server_url": self.desk.url, "require_approval": "always"}
        self.post("tool", bot_id=self.bot, **desk)

    def post(self, call: str, **body: Any) -> dict[str, Any]:
        answer = self.site.post(call, **body)
        assert answer.is_success, answer.text
        return answer.json()

    def trigger(self, name: str, **fields: int) -> str:
        """Start a run of a new heartbeat called so, whose prompt is its name; the run's log id."""
        uuid = self.post("heartbeat/configure", bot_id=self.bot, prompt=name, label=name, **fields)["heartbeat"]["uuid"]
        return self.post("heartbeat/trigger", bot_id=self.bot, heartbeat_id=uuid, wait=False)["result"]["log_id"]

    def status(self, log: str) -> str | None:
        return next((run.status for run in self.site.rows(Run) if run.uuid == log), None)

    def granted(self, log: str) -> int:
        """How many credits a person gave a run."""
        return next(run.credits_granted for run in self.site.rows(Run) if run.uuid == log)

    def approval(self, log: str) -> Approval | None:
        run = next((run for run in self.site.rows(Run) if run.uuid == log), None)
        return next((one for one in self.site.rows(Approval) if run and one.run_id == run.id), None)


def answered(request: dict[str, Any]) -> Reply:
    """Book what the prompt names or report it, and be done."""
    if any(message["role"] == "tool" for message in request["messages"]):
        return says("Done.", 300, 20)
    task = str(request["messages"][-1]["content"]).rpartition("Your task:")[2].strip()
    if "book" in task:
        return asks(("desk__book", {"what": task}))
    if "spend" in task:
        # Its next step may cost a thousand credits.
        return asks(("report", {"outcome": "nothing_to_report"}), input_tokens=900_000)
    finding = {"title": task, "severity": "warning", "fingerprint": task}
    return asks(("report", {"outcome": "ok", "summary": "Looked.", "findings": [finding]}))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with ExitStack() as running:
        yield Office(tmp_path_factory.mktemp("office"), running)


@pytest.mark.parametrize("killed", ["worker", "api", "temporal", "worker api temporal"])
def test_killed_before_during_and_after_telling(office: Office, killed: str) -> None:
    site, inbox = office.site, office.inbox
    victims: list[Temporal | Fork] = [getattr(site, name) for name in killed.split()]
    things = ("book a room", "book a table", "look around", "spend much")
    waits, asking, finds, spends = (f"{what}, {killed}" for what in things)

    inbox.open.set()
    waiting = office.trigger(waits)
    parked = office.trigger(spends, max_credits_per_run=50)
    wait_until(lambda: inbox.ids(waits) and inbox.ids(spends))
    inbox.open.clear()
    being_told = office.trigger(asking)
    wait_until(lambda: inbox.ids(asking))
    office.halt.touch()
    untold = office.trigger(finds)
    wait_until(site.worker.stands_still)
    assert (office.status(untold), inbox.ids(finds)) == ("success", [])
    assert [row.attempts for row in site.rows(Notification)][-1] == 0

    for victim in victims:
        victim.kill()
    if site.worker not in victims:
        site.worker.go_on()
    inbox.open.set()
    site.restart(*victims)

    approve_by_link(inbox.link(waits))
    approve_by_link(inbox.link(spends), credits="2000")
    decision = {"approval_id": office.approval(being_told).uuid, "decision": "approve"}
    office.post("approval/decide", bot_id=office.bot, **decision)
    runs = (waiting, being_told, untold, parked)
    wait_until(lambda: [office.status(log) for log in runs] == ["success"] * 4)
    wait_until(lambda: {row.status for row in site.rows(Notification)} == {"delivered"})

    again = 2 if site.worker in victims else 1
    ids_by_name = [inbox.ids(name) for name in (waits, asking, finds, spends)]
    assert [len(set(ids)) for ids in ids_by_name] == [1, 1, 1, 1]
    assert [len(ids) for ids in ids_by_name] == [1, again, 1, 1]
    booked = Counter(received.arguments["what"] for received in office.desk.made)
    assert (booked[waits], booked[asking]) == (1, 1)
    assert office.granted(parked) == 2000
    assert {uuid for uuid, _ in inbox.got} == {row.uuid for row in site.rows(Notification)}
    assert site.database.read_now(audit) == []


def approve_by_link(link: str, **fields: str) -> None:
    """As a person does: open the page, press the button."""
    with httpx.Client(trust_env=False, timeout=PATIENCE) as browser:
        assert browser.get(link).is_success
        page, _, token = link.partition("?token=")
        origin = {"origin": page.partition("/approvals/")[0]}
        answer = browser.post(page, data={"token": token, "decision": "approve", **fields}, headers=origin)
        assert answer.is_success, answer.text
