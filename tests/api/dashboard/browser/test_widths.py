"""Nothing is wider than the screen, however long a word is."""

import json
from datetime import UTC, datetime

from playwright.async_api import Page
from sqlalchemy import Connection

from heartbeat.store.tables.runs import Run
from tests.support.chromium import check_width
from tests.support.dashboard import Owner
from tests.support.pending_rows import a_call, a_finding, a_message, a_target, a_task, an_approval


async def test_nothing_is_wider_than_a_phone(owner: Owner, page: Page) -> None:
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
    for path in paths:
        await page.goto(path)
        for width in (360, 1280):
            await check_width(page, width)
    await page.goto(f"/tasks/{over.uuid}")
    box = await page.locator(".chip.done").bounding_box()
    assert box is not None
    assert box["height"] == 22, "a state is drawn as a notice"


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
