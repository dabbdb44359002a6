"""The pages in a real browser: forms, refreshing, phone width, and a console without complaints."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from pydantic import SecretStr
from sqlalchemy import Connection

from api.main import create_app
from heartbeat.domain.secret_keys import new_key
from heartbeat.notifications.delivery import approval_link
from heartbeat.secrets.keyring import Keyring
from heartbeat.store.projects.projects import revoke_key
from heartbeat.store.tables.runs import Run
from tests.support import chromium
from tests.support.dashboard import Owner
from tests.support.pending_rows import a_call, a_finding, a_message, a_target, a_task, an_approval

pytestmark = [
    # In CI they fail without a browser, for a part that did not run proves nothing.
    pytest.mark.skipif(chromium.BINARY is None and "CI" not in os.environ, reason="there is no chromium here"),
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


async def sign_in(tab: chromium.Tab, site: str, key: str) -> None:
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


async def test_a_person_answers_what_waits(owner: Owner, tmp_path: Path) -> None:
    run = await owner.run(status="running", finished_at=None, duration_ms=None, opening="It is Friday.")
    await owner.database.write(lambda c: a_call(c, run))
    approval = await owner.database.write(lambda c: an_approval(c, run))
    finding = await owner.database.write(lambda c: a_finding(c, owner.heartbeat))
    async with serving(owner) as site, chromium.chromium(tmp_path / "profile") as tab:
        await sign_in(tab, site, owner.key)
        assert await tab.run("document.querySelector('.badge.urgent').firstChild.data") == "1"

        await tab.go(f"{site}/runs/{run.uuid}")
        await tab.run("window.same = true")
        await tab.run("document.querySelector('#opening summary').click()")
        await owner.database.write(lambda c: an_approval(c, run, step=3))
        await tab.run(REFRESH)
        await tab.until("document.querySelector('.badge.urgent').firstChild.data === '2'")
        assert await tab.run("window.same") is True, "the page was loaded anew instead of refreshed"
        assert await tab.run("document.getElementById('opening').open") is True, "what was unfolded is folded again"

        await tab.run(f"document.getElementById('deny-{approval.uuid}').click()")
        await tab.until("document.querySelector('.done')?.innerText.startsWith('You denied the call')")
        assert await tab.run("location.pathname + location.search") == f"/runs/{run.uuid}"
        await tab.until("document.querySelector('.badge.urgent').firstChild.data === '1'")

        await tab.go(f"{site}/findings")
        await tab.run(f"document.getElementById('week-{finding.uuid}').click()")
        await tab.until("document.querySelector('.done')?.innerText === 'Snoozed for a week.'")
        assert await tab.run("document.querySelector('.chip.snoozed').innerText") == "Snoozed"
        assert tab.complaints == []


async def test_the_link_of_a_message_opens_a_page_whose_buttons_work(owner: Owner, tmp_path: Path) -> None:
    owner.settings = owner.settings.model_copy(
        update={"secret_keys": SecretStr(new_key()), "public_url": "https://heartbeat.example"}
    )
    run = await owner.run(status="running", finished_at=None, duration_ms=None)
    approval = await owner.database.write(lambda c: an_approval(c, run))
    link = approval_link(Keyring.from_settings(owner.settings), owner.settings, approval.uuid)
    assert link is not None
    async with serving(owner) as site, chromium.chromium(tmp_path / "profile") as tab:
        await tab.go(link.replace("https://heartbeat.example", site))
        assert await tab.run("document.querySelector('.given dd').innerText") == "a plumber"
        await tab.run("document.querySelector('button[value=approve]').click()")
        await tab.until("document.querySelector('[role=status] strong')?.innerText === 'This was approved.'")
        assert tab.complaints == []


async def test_nothing_is_wider_than_a_phone(owner: Owner, tmp_path: Path) -> None:
    word = "W" * 300
    await owner.add(prompt=word, credit_budget=10**9, pause_reason="errors", pause_detail=word, enabled=False)
    run = await owner.run(response=word, prompt=word, error_message=word, model=word)
    waits = await owner.run(status="running", finished_at=None, duration_ms=None, dry_run=True, opening=word)
    task = await owner.database.write(lambda c: everything(c, owner, waits, word))
    over = await owner.database.write(
        lambda c: a_task(c, owner.heartbeat, enabled=False, deleted_at=datetime.now(UTC), ended_as="done")
    )
    paths = ["/", f"/heartbeats/{owner.heartbeat.uuid}", f"/runs/{run.uuid}", "/heartbeats/hb_nope", "/sign-in"]
    paths += ["/approvals", "/findings", "/tools", "/tasks", "/notifications", f"/tasks/{task}", f"/runs/{waits.uuid}"]
    async with serving(owner) as site, chromium.chromium(tmp_path / "profile") as tab:
        await sign_in(tab, site, owner.key)
        for width in (360, 1280):
            await tab.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600
            )
            for path in paths:
                await tab.go(site + path)
                assert await tab.run(TOO_WIDE.format(width=width)) == [], path
        await tab.go(f"{site}/tasks/{over.uuid}")
        assert await tab.run("document.querySelector('.chip.done').offsetHeight") == 22, "a state is drawn as a notice"


def everything(connection: Connection, owner: Owner, run: Run, word: str) -> str:
    """One of whatever pages show, made of a long word; returns a task's id."""
    arguments, heartbeat = json.dumps({word: word}), owner.heartbeat
    a_call(connection, run, name=word, arguments=arguments, failure=word)
    an_approval(connection, run, tool=word, arguments=arguments, why=word)
    an_approval(connection, run, step=3, tool=word, arguments=arguments, state="denied", decided_by=word)
    a_finding(connection, heartbeat, title=word, detail=word)
    a_finding(connection, heartbeat, title=word, detail=word, state="resolved")
    target = a_target(connection, heartbeat, name=word, config={"to": word}, is_enabled=False, disabled_reason=word)
    data = {"title": word, "message": word, "priority": "low", "action_url": None}
    a_message(connection, heartbeat, target, kind="user.notified", data=data, status="failed", last_error=word)
    paused = {"enabled": False, "pause_reason": "errors", "pause_detail": word}
    return a_task(connection, heartbeat, label=word, description=word, prompt=word, **paused).uuid
