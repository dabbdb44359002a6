"""Who is told what, from the API to each receiver: the real command, and a real receiver in every service's place."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, closing
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.support.channel_configs import TOKEN
from tests.support.embedded import Embedded
from tests.support.mailbox import Mailbox, served
from tests.support.model_server import ModelServer, Reply, asks, fails, says
from tests.support.past_minutes import PastMinutes
from tests.support.patience import PATIENCE, until
from tests.support.receiver import Receiver
from tests.support.receiver import says as answers
from tests.support.store_world import SECRET

pytestmark = pytest.mark.e2e
CANARY = "canary7f3a91c2"
DISK = {"title": "Disk is full", "severity": "critical", "fingerprint": "disk"}


class Owner:
    """Somebody with a key, one bot and one heartbeat, whose ticks come when the test says."""

    def __init__(self, stack: Embedded, http: httpx.AsyncClient) -> None:
        self.stack, self._http = stack, http
        self.project, self.key = stack.new_project()
        self.bot = self.heartbeat = self.member = ""
        self.known: list[tuple[str, str, str]] = []
        self.minutes = PastMinutes()

    async def call(self, method: str, path: str, **fields: Any) -> Any:
        body = {"project_id": self.project, **fields}
        where = {"params": body} if method == "GET" else {"json": body}
        answer = await self._http.request(
            method, f"/v1/bot{path}", headers={"Authorization": f"Bearer {self.key}"}, **where
        )
        assert answer.is_success, answer.text
        return answer.json()

    async def settle(self) -> None:
        self.bot = (await self.call("POST", "/create", name="Watch", model="openai:scripted", heartbeat=1))["bot"]["id"]
        created = await self.call("POST", "/subscriber/create", bot_id=self.bot, name="Ada")
        self.member = created["subscriber"]["id"]
        heartbeat = {"prompt": "Look.", "cron_pattern": self.minutes.cron, "label": "Disks", "member_id": self.member}
        created = await self.call("POST", "/heartbeat/configure", bot_id=self.bot, enabled=True, **heartbeat)
        self.heartbeat = created["heartbeat"]["uuid"]

    async def target(self, channel: str, config: dict[str, Any], **fields: Any) -> str:
        created = await self.call("POST", "/notification/target/create", channel=channel, config=config, **fields)
        uuid: str = created["target"]["id"]
        return uuid

    async def tick(self) -> None:
        """The tick of a minute that has passed, run now; each time the next one."""
        await self.minutes.run(await self.stack.temporal(), self.heartbeat)

    async def run(self) -> str:
        triggered = await self.call("POST", "/heartbeat/trigger", bot_id=self.bot, heartbeat_id=self.heartbeat)
        status: str = triggered["result"]["status"]
        return status

    async def messages(self, status: str | None = None) -> list[tuple[str, str, str]]:
        """Target, kind and status of each notification, in order."""
        which = {"status": status} if status else {}
        page = await self.call("GET", "/notification/readall", per_page=100, **which)
        rows = reversed(page["notifications"])
        return [(row["target"]["name"], row["event"]["kind"], row["status"]) for row in rows]

    async def hears(self, *wanted: tuple[str, str, str]) -> None:
        """Exactly these were told beside what had been told before, whatever the order."""
        messages = await until(self.messages, lambda messages: sorted(messages[len(self.known) :]) == sorted(wanted))
        self.known = messages


def does(*calls: tuple[str, dict[str, Any]]) -> Callable[[dict[str, Any]], Reply]:
    """A model that makes these calls in each run, and is done when it has their results."""
    return lambda request: says("Done.") if request["messages"][-1]["role"] == "tool" else asks(*calls)


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with closing(ModelServer()) as server:
        yield server


@pytest.fixture(scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def stack(model: ModelServer, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    variables = {
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": "test-key",
        "HEARTBEAT_EGRESS_ALLOW": '["127.0.0.1"]',
        "HEARTBEAT_APPRISE_TARGETS": f'{{"ops": "json://ada:{CANARY}@127.0.0.1:{receiver.port}/{CANARY}"}}',
    }
    with closing(Embedded(tmp_path_factory.mktemp("told") / "data", **variables)) as running:
        yield running.wait_ready()


@pytest.fixture
async def owner(stack: Embedded, receiver: Receiver) -> AsyncIterator[Owner]:
    receiver.received.clear()
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False, timeout=PATIENCE) as http:
        owner = Owner(stack, http)
        await owner.settle()
        yield owner


async def test_each_is_told_what_is_theirs_and_nothing_twice(
    owner: Owner, model: ModelServer, receiver: Receiver
) -> None:
    hook = {"url": f"{receiver.url}/", "secret": SECRET}
    of_bot, of_heartbeat = {"bot_id": owner.bot}, {"bot_id": owner.bot, "heartbeat_id": owner.heartbeat}
    await owner.target("webhook", hook, name="project")
    await owner.target("webhook", hook, name="bot", events=["run.failed", "run.recovered"], **of_bot)
    await owner.target("webhook", hook, name="heartbeat", events=["run.finding"], **of_heartbeat)
    await owner.target("webhook", hook, name="ada", member_id=owner.member, **of_bot)
    model.reply = lambda request: fails(401, "invalid_api_key")
    await owner.tick()
    await owner.hears(("project", "run.failed", "delivered"), ("bot", "run.failed", "delivered"))
    model.reply = does(("report", {"outcome": "nothing_to_report", "summary": "Quiet."}))
    await owner.tick()
    await owner.hears(("project", "run.recovered", "delivered"), ("bot", "run.recovered", "delivered"))

    model.reply = does(("report", {"outcome": "ok", "summary": "Looked.", "findings": [DISK]}))
    assert await owner.run() == "success"
    await owner.hears(("project", "run.finding", "delivered"), ("heartbeat", "run.finding", "delivered"))
    await owner.call("POST", "/heartbeat/disable", bot_id=owner.bot, heartbeat_id=owner.heartbeat)
    assert await owner.run() == "success"
    words = {
        "title": "Call the plumber",
        "message": "Water.",
        "priority": "urgent",
        "action_url": "https://a.example/7",
    }
    model.reply = does(("notify_user", words))
    assert await owner.run() == "success"
    await owner.hears(("ada", "user.notified", "delivered"))
    kinds = [Webhook(SECRET).verify(request.body, request.headers)["type"] for request in receiver.received]
    assert sorted(kinds) == sorted(kind for _, kind, _ in owner.known)
    last = receiver.received[-1].json["data"]
    assert (last["title"], last["priority"], last["link"]) == ("Call the plumber", "urgent", "https://a.example/7")
    assert len({request.headers["webhook-id"] for request in receiver.received}) == len(receiver.received)


async def test_every_channel_is_tried_and_told_and_what_failed_can_be_seen(
    owner: Owner, model: ModelServer, receiver: Receiver
) -> None:
    here, mailbox = receiver.url, Mailbox()
    async with AsyncExitStack() as opened:
        await opened.enter_async_context(served(mailbox, None, None))
        mail = {"host": "127.0.0.1", "port": mailbox.port, "security": "none", "sender": "a@b.example"}
        configs = {
            "webhook": {"url": f"{here}/hook", "secret": SECRET},
            "email": {**mail, "to": "ada@c.example"},
            "slack": {"url": f"{here}/services/T1/B1/{CANARY}"},
            "discord": {"url": f"{here}/api/webhooks/1/{CANARY}"},
            "telegram": {"token": TOKEN, "chat_id": "7", "api_url": here},
            "teams": {"url": f"{here}/workflows/1?sig={CANARY}"},
            "ntfy": {"topic": "disks", "server": f"{here}"},
            "apprise": {"name": "ops"},
        }
        for channel, config in configs.items():
            uuid = await owner.target(channel, config)
            tried = await owner.call("POST", "/notification/test", target_id=uuid)
            assert tried == {"success": True, "message": f"{channel} took the message."}
        assert (len(receiver.received), len(mailbox.mails)) == (7, 1)
        model.reply = does(("report", {"outcome": "ok", "summary": "Looked.", "findings": [DISK]}))
        assert await owner.run() == "success"
        await owner.hears(*((channel, "run.finding", "delivered") for channel in configs))
        assert (len(receiver.received), len(mailbox.mails)) == (14, 2)

        receiver.answer = answers("302 Found", location=f"{here}/elsewhere")
        another = {**DISK, "fingerprint": "door"}
        model.reply = does(("report", {"outcome": "ok", "summary": "Looked.", "findings": [another]}))
        assert await owner.run() == "success"
        await owner.hears(*((name, "run.finding", "delivered" if name == "email" else "pending") for name in configs))

    async def pending() -> list[dict[str, Any]]:
        answer = await owner.call("GET", "/notification/readall", per_page=100, status="pending")
        rows: list[dict[str, Any]] = answer["notifications"]
        return rows

    undelivered = await until(pending, lambda rows: all(row["last_error"] for row in rows))
    assert all("302" in row["last_error"] and row["attempts"] >= 1 for row in undelivered)
    said = str(undelivered) + "\n".join(owner.stack.lines)
    assert CANARY not in said
    assert TOKEN not in said
    files = b"".join(path.read_bytes() for path in owner.stack.data_dir.rglob("*") if path.is_file())
    assert CANARY.encode() not in files
    assert b"run.finding" in files
