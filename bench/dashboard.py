"""Every page of the dashboard with 5,000 heartbeats and a million logs, beside the same page with 100 and 10,000.

What is timed is the application as it answers, without a server and its sockets. Bytes are uncompressed.
"""

import contextlib
import re
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import httpx
from sqlalchemy import Connection, inspect, text

from api.main import create_app
from bench.goals import Result, rounded
from bench.logs_in_bulk import MANY_LOGS, fill, vacuum
from bench.quantiles import quantile
from bench.scale import empty_postgres
from bench.tenant import Tenant, seed
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.migrations import migrate
from heartbeat.temporal.client import connect

SIZES = ((100, 10_000), (5_000, MANY_LOGS))
DAYS, BOTS, OF_A_BOT, SAMPLES, WARM_UPS = 120, 50, 100, 10, 3
SITE = "http://dashboard.bench"
PAGES = (
    "/",
    "/?per_page=100",
    "/?per_page=50&page={last}",
    "/?show=paused",
    "/?show=off",
    "/?show=pending",
    "/?show=failed",
    "/?show=running",
    "/?sort=next",
    "/?sort=last",
    "/?q=queue%207&sort=name",
    "/?show=on&sort=credits",
    "/stats",
    "/stats?days=90",
    "/heartbeats/{heartbeat}",
    "/heartbeats/{heartbeat}?page=4",
    "/heartbeats/{heartbeat}/edit",
    "/heartbeats/new",
    "/runs",
    "/runs?status=error",
    "/runs?status=skipped",
    "/runs?trigger=rehearsal",
    "/runs?bot={bot}",
    "/runs?heartbeat={heartbeat}",
    "/runs?q=needle",
    "/upcoming",
    "/upcoming?view=week",
    "/tasks",
    "/bots",
    "/bots/{bot}",
    "/credits",
    "/credits/ledger",
    "/credits/ledger?bot={bot}",
    "/notifications",
    "/approvals",
    "/findings",
    "/tools",
    "/subscribers",
    "/memories",
    "/keys",
    "/settings",
)
NUMBERS = {
    "sqlite": "(WITH RECURSIVE n(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < {0}) SELECT n FROM n) AS n",
    "postgresql": "generate_series(2, {0}) AS n(n)",
}


@dataclass(frozen=True)
class Side:
    """A database of one size, and a browser that is signed in to its dashboard."""

    tenant: Tenant
    heartbeats: int
    browser: httpx.AsyncClient

    async def milliseconds(self, page: str) -> float:
        began = perf_counter()
        await self.page(page)
        return (perf_counter() - began) * 1000

    async def page(self, page: str) -> str:
        last = self.heartbeats // 50
        path = page.format(heartbeat=self.tenant.heartbeats[0].uuid, bot=self.tenant.bot.uuid, last=last)
        answer = await self.browser.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return answer.text


async def measure() -> Result:
    """Ask for each page on both sides in turn."""
    result = Result()
    with tempfile.TemporaryDirectory(prefix="heartbeat-bench-") as home:
        urls = [f"sqlite:///{home}/{heartbeats}.db" for heartbeats, _ in SIZES]
        await _compare(result, "SQLite", urls, Path(home))
        with empty_postgres(Path(home)) as urls:
            await _compare(result, "PostgreSQL", urls, Path(home))
    return result


async def _compare(result: Result, name: str, urls: list[str], home: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        sides = [
            await stack.enter_async_context(_filled(url, *size, home)) for url, size in zip(urls, SIZES, strict=True)
        ]
        p50: dict[str, list[float]] = {}
        for page in PAGES:
            times: list[list[float]] = [[], []]
            for number in range(WARM_UPS + SAMPLES):
                for side, took in zip(sides, times, strict=True):
                    spent = await side.milliseconds(page)
                    if number >= WARM_UPS:
                        took.append(spent)
            p50[page] = [quantile(took, 0.5) for took in times]
        result.raw[f"{name}, ms at {SIZES}"] = {page: [*map(rounded, took)] for page, took in p50.items()}
        few, many = p50["/?per_page=100"]
        result.at_most(f"{name}: a page of 100 heartbeats of 100, ms", few, 50)
        result.at_most(f"{name}: the same page of 5,000 / of 100", many / few, 1.5)
        grown = {page: took[1] / took[0] for page, took in p50.items()}
        worst = max(grown, key=lambda page: grown[page])
        result.raw[f"{name}, the page that is slower by the most"] = worst
        result.at_most(f"{name}: that page at 5,000 and {MANY_LOGS:,} logs / at 100 and 10,000", grown[worst], 1.5)
        result.at_most(
            f"{name}: the slowest page at 5,000 and {MANY_LOGS:,}, ms", max(took[1] for took in p50.values()), 150
        )
        result.at_most(
            f"{name}: a page of 100 heartbeats with style and script, KB", await _weight(sides[0]) / 1000, 150
        )


async def _weight(side: Side) -> int:
    page = await side.page("/?per_page=100")
    parts = set(re.findall(r'(?:href|src)="(/[\w.]+\?v=\w+)"', page))
    return len(page.encode()) + sum([len((await side.browser.get(part)).content) for part in parts])


@contextlib.asynccontextmanager
async def _filled(url: str, heartbeats: int, logs: int, home: Path) -> AsyncIterator[Side]:
    migrate.upgrade(url)
    settings = Settings(_env_file=None, data_dir=home, database_url=url)
    with contextlib.closing(Database(url)) as database:
        tenant = database.write_now(_seed, heartbeats, logs)
        vacuum(url)
        app = create_app(settings, database, await connect(settings), now=lambda: datetime.now(UTC))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE) as browser:
            answer = await browser.post("/sign-in", data={"key": tenant.key}, headers={"origin": SITE})
            assert answer.status_code == 303
            yield Side(tenant, heartbeats, browser)


def _seed(connection: Connection, heartbeats: int, logs: int) -> Tenant:
    """Make a project with 50 bots, a hundred heartbeats for one after the other, and its logs."""
    tenant = seed(connection, 1)
    _copy(connection, "bot", BOTS, {"uuid": "'bot_' || n", "name": "'Bot ' || n"})
    own = {"uuid": "'hb_' || n", "prompt": "'Check queue ' || n || '.'", "bot_id": f"1 + (n - 1) / {OF_A_BOT}"}
    _copy(connection, "heartbeat", heartbeats, own)
    fill(connection, logs, DAYS)
    return tenant


def _copy(connection: Connection, table: str, count: int, own: dict[str, str]) -> None:
    """Give the only row of a table so many like it, but for the columns in `own`."""
    columns = inspect(connection).get_columns(table)
    names = [column["name"] for column in columns if column["name"] != "id"]
    values = ", ".join(own.get(name, f"{table}.{name}") for name in names)
    numbers = NUMBERS[connection.dialect.name].format(count)
    rows = f"SELECT {values} FROM {table}, {numbers} WHERE {table}.id = 1"
    connection.execute(text(f"INSERT INTO {table} ({', '.join(names)}) {rows}"))
