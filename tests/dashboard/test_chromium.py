"""The pages in a real browser: forms, refreshing, phone width, and a console without complaints."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn

from api.main import create_app
from heartbeat.store.projects import revoke_key
from tests.dashboard.conftest import Owner

chromium = pytest.importorskip("tests.dashboard.chromium", reason="the package websockets is not installed")

pytestmark = [
    pytest.mark.skipif(chromium.BINARY is None, reason="no chromium or google-chrome on this machine"),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

TOO_WIDE = (
    "[...document.querySelectorAll('body *')].filter(it => it.checkVisibility() && !it.closest('.unseen, .skip, pre')"
    " && it.getBoundingClientRect().right > {width}).map(it => it.outerHTML.slice(0, 200))"
)
REFRESH = "document.dispatchEvent(new Event('visibilitychange'))"


@asynccontextmanager
async def serving(owner: Owner) -> AsyncIterator[str]:
    """The application on a port of its own."""
    app = create_app(owner.settings, owner.database, owner.temporal)
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            assert not task.done()
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def sign_in(tab: "chromium.Tab", site: str, key: str) -> None:
    await tab.go(f"{site}/")
    await tab.until("location.pathname === '/sign-in'")
    await tab.run(f"document.getElementById('key').value = '{key}'; document.querySelector('form button').click()")
    await tab.until("document.querySelector('h1').innerText === 'Heartbeats'")


async def test_a_person_signs_in_watches_and_presses_buttons(owner: Owner, tmp_path: Path) -> None:
    async with serving(owner) as site, chromium.chromium(tmp_path / "profile") as tab:
        await sign_in(tab, site, owner.key)
        await tab.go(f"{site}/heartbeats/{owner.heartbeat.uuid}")
        await tab.run("window.same = true")
        await owner.run(status="running", finished_at=None, duration_ms=None)
        await tab.run(REFRESH)
        await tab.until("document.querySelector('.runs .chip.running')")
        assert await tab.run("window.same") is True, "the page was loaded anew instead of refreshed"

        await tab.run("document.getElementById('switch').click()")
        await tab.until("document.querySelector('.done')?.innerText === 'The heartbeat is off now.'")
        assert await tab.run("location.search") == "", "the notice would come back with a reload"
        await tab.run("document.getElementById('switch').focus()")
        await tab.run(REFRESH)
        await tab.until("!document.querySelector('.done')")
        assert await tab.run("document.activeElement.id") == "switch"

        await owner.database.write(lambda c: revoke_key(c, owner.project, owner.key_uuid, datetime.now(UTC)))
        await tab.run(REFRESH)
        await tab.until("location.pathname === '/sign-in'")
        assert tab.complaints == []
    with contextlib.suppress(Exception):
        await owner.temporal.get_schedule_handle(owner.heartbeat.uuid).delete()


async def test_nothing_is_wider_than_a_phone(owner: Owner, tmp_path: Path) -> None:
    word = "W" * 300
    await owner.add(prompt=word, credit_budget=10**9, pause_reason="errors", pause_message=word, enabled=False)
    run = await owner.run(response=word, prompt=word, error_message=word, model=word)
    paths = ["/", f"/heartbeats/{owner.heartbeat.uuid}", f"/runs/{run.uuid}", "/heartbeats/hb_nope", "/sign-in"]
    async with serving(owner) as site, chromium.chromium(tmp_path / "profile") as tab:
        await sign_in(tab, site, owner.key)
        for width in (360, 1280):
            await tab.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600
            )
            for path in paths:
                await tab.go(site + path)
                assert await tab.run(TOO_WIDE.format(width=width)) == [], path
