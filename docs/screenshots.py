"""The pictures of these pages: a project that was at work for a month, seen in Chromium. `make screenshots` runs it."""

import asyncio
import base64
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from playwright.async_api import Page
from pydantic import SecretStr
from temporalio.client import Client

from api.main import create_app
from heartbeat.domain.secret_keys import new_key
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.migrations import migrate
from tests.support.chromium import PHONE, Visitors, launched, sign_in
from tests.support.demo_project import demo_project
from tests.support.serving import serving

PICTURES = Path(__file__).parent / "pictures"
WIDE = {"width": 1200, "height": 800}
QUALITY = 82
# A page each, by the name of its picture; what follows a "#" is the link that leads there.
PAGES = {
    "heartbeats": "/",
    "heartbeat": "/#Urgent tickets",
    "runs": "/runs",
    "upcoming": "/upcoming",
    "approvals": "/approvals",
    "findings": "/findings",
    "tasks": "/tasks",
    "notifications": "/notifications",
    "bot": "/bots#Support desk",
    "stats": "/stats",
    "credits": "/credits",
    "settings": "/settings",
}


async def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/heartbeat.db"
        migrate.upgrade(url)
        settings = Settings(
            _env_file=None,
            database_url=url,
            secret_keys=SecretStr(new_key()),
            openai_api_key=SecretStr("shown nowhere"),
            anthropic_api_key=SecretStr("shown nowhere"),
        )
        with closing(Database(url)) as database:
            key = await database.write(demo_project)
            # Nothing is started, so that no Temporal need be there.
            temporal = await Client.connect("127.0.0.1:1", lazy=True)
            async with serving(create_app(settings, database, temporal)) as site, launched() as browser:
                await _take_all(Visitors(browser, site), key)


async def _take_all(visitors: Visitors, key: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    here: dict[str, Any] = {"timezone_id": "Europe/Berlin", "locale": "en-GB", "viewport": WIDE}
    page = await visitors.come(**here)
    await sign_in(page, key)
    for name, address in PAGES.items():
        path, _, link = address.partition("#")
        await page.goto(path)
        if link:
            await page.get_by_role("link", name=link).first.click()
            await page.wait_for_load_state()
        await _take(page, name)
    await _take_form(page)
    await _take_run(page)
    phone = await visitors.come(**{**here, "viewport": PHONE, "color_scheme": "dark"})
    await sign_in(phone, key)
    await _take(phone, "phone")
    await visitors.go()


async def _take_form(page: Page) -> None:
    """The form of a new heartbeat, begun with a template."""
    await page.goto("/heartbeats/new?template=support-digest")
    await page.get_by_label("How often", exact=True).select_option("weekdays")
    await page.locator("#outlook tbody tr").first.wait_for()
    await _take(page, "new-heartbeat")


async def _take_run(page: Page) -> None:
    """A run that waits for an approval, and is followed."""
    await page.goto("/approvals")
    await page.locator("main a[href^='/runs/']").first.click()
    await page.wait_for_load_state()
    await _take(page, "run")


async def _take(page: Page, name: str) -> None:
    """Write what is seen of the page, without what is empty below it, as a tenth of what a PNG would weigh."""
    end = "document.querySelector('main').lastElementChild.getBoundingClientRect().bottom + 28"
    width, height = await page.evaluate(f"[innerWidth, Math.min(innerHeight, Math.max(360, {end}))]")
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    session = await page.context.new_cdp_session(page)
    wanted = {"format": "webp", "quality": QUALITY, "clip": clip}
    picture = await session.send("Page.captureScreenshot", wanted)
    path = PICTURES / f"{name}.webp"
    path.write_bytes(base64.b64decode(picture["data"]))
    print(f"{path.name} {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    asyncio.run(main())
