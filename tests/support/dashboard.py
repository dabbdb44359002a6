"""The dashboard before somebody's browser, and the owner it is signed in to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from temporalio.client import Client

from api.main import create_app
from heartbeat.domain.clock import Clock
from heartbeat.domain.ids import new_id
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, exactly_one, insert
from heartbeat.store.projects.projects import create_key
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from tests.support.html_pages import NO_PLACE, HtmlPage, path_of
from tests.support.seeds import NOW, YEARLY, a_bot, a_heartbeat, a_project

SITE = "http://dash.test"


class Browser(httpx.AsyncClient):
    """Keeps cookies, follows nothing by itself, and says where its forms come from."""

    async def sign_in(self, key: str, **fields: str) -> httpx.Response:
        return await self.submit("/sign-in", key=key, **fields)

    async def submit(self, path: str, **fields: str) -> httpx.Response:
        return await self.post(path, data=fields, headers={"origin": SITE})

    async def page(self, path: str) -> str:
        """The text of a page that must be there."""
        answer = await self.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.headers.get('location')}"
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert '="None"' not in answer.text, f"{path}: a field or an attribute says None"
        return answer.text


@dataclass
class Owner:
    """A project with a bot and a heartbeat, its key, and a browser that is signed in to it."""

    database: Database
    settings: Settings
    temporal: Client
    project: Project
    key: str
    key_uuid: str
    bot: Bot
    heartbeat: Heartbeat
    browser: Browser

    async def add(self, **values: Any) -> Heartbeat:
        return await self.database.write(a_heartbeat, self.bot, **values)

    async def run(self, **values: Any) -> Run:
        return await self.database.write(a_run, self.heartbeat, **values)


@dataclass(frozen=True)
class Newcomer:
    """Who has a project, its key, and nothing else."""

    project: Project
    key: str


def a_run(connection: Any, heartbeat: Heartbeat, **values: Any) -> Run:
    """A log, written straight into the store; counters stay as they are."""
    uuid = new_id("log")
    row = {
        "uuid": uuid,
        "project_id": heartbeat.project_id,
        "bot_id": heartbeat.bot_id,
        "heartbeat_id": heartbeat.id,
        "workflow_id": f"{heartbeat.uuid}-manual-{uuid}",
        "workflow_run_id": "0199",
        "trigger": "manual",
        "status": "success",
        "prompt": heartbeat.prompt,
        "model": "openai:scripted",
        "max_reply_tokens": 100,
        "started_at": NOW,
        "finished_at": NOW,
        "duration_ms": 1500,
        "created_at": NOW,
        "type": "heartbeat",
        "instruction": "",
        "tokens_used": 0,
        "credits_charged": 0,
        **values,
    }
    return exactly_one(connection, Run, insert(connection, columns(Run)).values(row).returning(columns(Run)))


class MovedClock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time


@asynccontextmanager
async def browsing(
    settings: Settings, database: Database, temporal: Client, now: Clock | None = None
) -> AsyncIterator[Browser]:
    """A browser in front of an application over these parts, which a test moves the time of with `now`."""
    app = create_app(settings, database, temporal, now)
    # As in a server: what went wrong inside is an answer, never an exception of the test's own.
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with Browser(transport=transport, base_url=SITE) as browser:
        yield browser


async def an_owner(settings: Settings, database: Database, temporal: Client, browser: Browser, name: str) -> Owner:
    """A fresh project; its browser is not signed in yet."""

    def seed(connection: Any) -> Owner:
        project = a_project(connection, name=name)
        key = create_key(connection, project, "first", datetime.now(UTC))
        bot = a_bot(connection, project)
        row = a_heartbeat(connection, bot, cron_pattern=YEARLY, synced_version=1)
        return Owner(database, settings, temporal, project, key.secret, key.uuid, bot, row, browser)

    return await database.write(seed)


async def every_page(browser: Browser) -> dict[str, HtmlPage]:
    """One page of each kind that the dashboard leads to, by its address."""
    pages: dict[str, HtmlPage] = {}
    paths, waiting = {"/"}, ["/"]
    while waiting:
        address = waiting.pop(0)
        pages[address] = HtmlPage(await browser.page(address), address)
        for link in pages[address].links:
            if path_of(link) not in paths and not NO_PLACE.search(link):
                paths.add(path_of(link))
                waiting.append(link)
    return pages


def rows_of(page: str) -> list[str]:
    """The rows of the tables of a page, each as its HTML."""
    return [part.split("</tr>")[0] for part in page.split("<tr")[2:]]


STILL = {"finished_at": None, "duration_ms": None}


async def make(owner: Owner, how: Any, *rows: Any, **fields: Any) -> Any:
    """A row of `how`, of the owner's heartbeat unless another row is given."""
    return await owner.database.write(lambda c: how(c, *(rows or (owner.heartbeat,)), **fields))


FOREIGN = [
    {},
    {"origin": "null"},
    {"origin": "http://evil.example"},
    {"origin": f"{SITE}.evil.example"},
    {"origin": SITE, "sec-fetch-site": "cross-site"},
    {"origin": SITE, "sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
]
