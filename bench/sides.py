"""Two installations side by side, one with 5,000 heartbeats and very many logs, one with 100 and 10,000.

What is timed is the application as it answers, without a server and its sockets. Beside the time stands what it cost
of a processor, PostgreSQL's processes included: that is the same on a busy machine.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from urllib.parse import urlencode

import httpx
import psutil

from api.main import create_app
from bench.filled import OF_A_BOT, SIZES, filled, home, postgres_urls, sqlite_urls
from bench.goals import Result, rounded
from bench.logs_in_bulk import MANY_LOGS
from bench.tenant import Tenant
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.temporal.client import connect

SAMPLES, WARM_UPS, PER_PAGE, MS = 11, 3, 20, 1000
SITE = "http://dashboard.bench"
DATABASES = {"SQLite": sqlite_urls, "PostgreSQL": postgres_urls}


@dataclass(frozen=True)
class Side:
    """A database of one size, and a browser that is signed in to its dashboard."""

    tenant: Tenant
    heartbeats: int
    logs: int
    browser: httpx.AsyncClient
    home: Path

    async def page(self, page: str) -> str:
        """Ask for a page or a list of the API, whose address may name what is in `places`."""
        path = page.format_map(self.places)
        answer = await self.browser.get(path, headers=self.tenant.headers if path.startswith("/v1") else None)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:200]}"
        return answer.text

    @property
    def places(self) -> Mapping[str, object]:
        """What addresses name: one of each, where lists end, and a day within the last weeks and one long ago."""
        of_bot = self.logs // self.bots
        return {
            "heartbeat": self.tenant.heartbeats[0].uuid,
            "bot": self.tenant.bot.uuid,
            "of_bot": urlencode({"project_id": self.tenant.project.uuid, "bot_id": self.tenant.bot.uuid}),
            "of_project": urlencode({"project_id": self.tenant.project.uuid}),
            "last": self.heartbeats // 50,
            "last_log": of_bot // PER_PAGE,
            "middle_log": of_bot // PER_PAGE // 2,
            "last_error": of_bot // 10 // PER_PAGE,
            "last_of_messages": self.logs // 100 // PER_PAGE,
            "last_delivered": self.logs // 1_000 * 9 // PER_PAGE,
            "middle_message": self.logs // 200,
            "first_message": PER_PAGE + 1,
            "middle_of_findings": self.heartbeats // PER_PAGE // 2,
            "last_of_findings": self.heartbeats // PER_PAGE,
            "last_of_heartbeat": self.logs // self.heartbeats // PER_PAGE,
            "position": self.logs // 2,
            "first_position": 100,
            "day": f"{datetime.now(UTC):%Y-%m-%d}",
            "month": f"{datetime.now(UTC):%Y-%m-01}",
            "last_month": self.last_month,
        }

    @property
    def bots(self) -> int:
        """How many bots have heartbeats."""
        return self.heartbeats // OF_A_BOT

    @property
    def last_month(self) -> str:
        now = datetime.now(UTC)
        return f"{now.year - (now.month == 1)}-{(now.month - 2) % 12 + 1:02}-01"


@dataclass
class Spent:
    """Milliseconds, and those of a processor, that a page took each time."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def p50(self) -> tuple[float, float]:
        return median(self.wall), median(self.cpu)


Compared = dict[str, list[tuple[float, float]]]


@contextlib.asynccontextmanager
async def both_sides(name: str) -> AsyncIterator[list[Side]]:
    """Fill a database of each size in one of `DATABASES`."""
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(home())
        urls = stack.enter_context(DATABASES[name](directory))
        opening = [_opened(url, *size, directory) for url, size in zip(urls, SIZES, strict=True)]
        yield [await stack.enter_async_context(side) for side in opening]


async def on_both_sides(add: Callable[[Result, str, list[Side]], Awaitable[None]]) -> Result:
    """Let `add` compare the two sides of each database."""
    result = Result()
    for name in DATABASES:
        async with both_sides(name) as sides:
            await add(result, name, sides)
    return result


async def compared(pages: Sequence[str], sides: Sequence[Side]) -> Compared:
    """Ask for each page on both sides in turn; returns the medians of wall and processor time by page."""
    found: Compared = {}
    for page in pages:
        spent = [Spent() for _ in sides]
        for number in range(WARM_UPS + SAMPLES):
            for side, one in zip(sides, spent, strict=True):
                took = await _taken(side, page)
                if number >= WARM_UPS:
                    one.wall.append(took[0])
                    one.cpu.append(took[1])
        found[page] = [one.p50 for one in spent]
    return found


def tell(result: Result, name: str, noun: str, found: Compared) -> None:
    """Add the raw figures and the goal: the one whose processor time grows by the most.

    That of the time by a clock is told, and is no goal: on a machine with other work, of so many one is always slow.
    """
    result.raw[f"{name}, ms and ms of CPU at {SIZES}"] = {
        page: [[*map(rounded, one)] for one in both] for page, both in found.items()
    }
    for at, kind in enumerate(("time", "CPU")):
        result.raw[f"{name}, the {noun} whose {kind} grows by the most"] = _worst(found, at)
    ratio, _ = _worst(found, at=1)
    result.at_most(f"{name}: CPU of the worst {noun} at 5,000 and {MANY_LOGS:,} logs / at 100", ratio, 1.5)


def _worst(found: Compared, at: int) -> tuple[float, str]:
    return max((rounded(many[at] / few[at]), page) for page, (few, many) in found.items())


async def _taken(side: Side, page: str) -> tuple[float, float]:
    """Ask for a page; returns the milliseconds, and those of a processor: of this process and of PostgreSQL's."""
    servers = _postgres(side.home)
    before, used, began = sum(map(_scheduled_ms, servers)), process_time(), perf_counter()
    await side.page(page)
    wall, own = perf_counter() - began, process_time() - used
    return wall * MS, own * MS + sum(map(_scheduled_ms, servers)) - before


def _postgres(home: Path) -> list[int]:
    """Find the processes of the server there: each works in its data directory."""
    found = psutil.process_iter(["name", "cwd"])
    return [one.pid for one in found if one.info["name"] == "postgres" and str(one.info["cwd"]).startswith(str(home))]


def _scheduled_ms(pid: int) -> float:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6
    return 0


@contextlib.asynccontextmanager
async def _opened(url: str, heartbeats: int, logs: int, directory: Path) -> AsyncIterator[Side]:
    """Serve what a database has, and sign in."""
    tenant = await filled(url, heartbeats, logs, directory)
    settings = Settings(_env_file=None, data_dir=directory, database_url=url)
    with contextlib.closing(Database(url)) as database:
        app = create_app(settings, database, await connect(settings), now=lambda: datetime.now(UTC))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE) as browser:
            answer = await browser.post("/sign-in", data={"key": tenant.key}, headers={"origin": SITE})
            assert answer.status_code == 303
            yield Side(tenant, heartbeats, logs, browser, directory)
