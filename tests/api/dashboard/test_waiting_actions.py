"""Approve and deny, the buttons of findings, cancelling a task, sending a test: and whose each is."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

import worker
from heartbeat.store.database.rows import columns, first
from heartbeat.store.heartbeats.heartbeats import BY_DELETION
from heartbeat.store.runs.approvals import unheard
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Finding
from heartbeat.store.tables.runs import Approval
from tests.support.acting import connect
from tests.support.dashboard import FOREIGN, STILL, Browser, Owner, a_run, an_owner, browsing, make
from tests.support.model_server import ModelServer, asks, says
from tests.support.patience import until
from tests.support.pending_rows import a_call, a_finding, a_message, a_target, a_task, an_approval
from tests.support.receiver import Receiver
from tests.support.tool_server import ToolServer
from tests.support.world import World


async def row_of(owner: Owner, table: Any, uuid: str) -> Any:
    return await owner.database.read(
        lambda c: first(c, table, select(columns(table)).where(columns(table).c.uuid == uuid))
    )


async def waiting_run(owner: Owner) -> tuple[str, Approval]:
    run = await owner.run(status="running", **STILL)
    await make(owner, a_call, run)
    return run.uuid, await make(owner, an_approval, run)


async def test_a_run_waits_until_somebody_presses_approve(owner: Owner) -> None:
    with contextlib.closing(ModelServer()) as model, contextlib.closing(ToolServer()) as desk:
        model.script(asks(("desk__book", {"what": "a castle"})), says("That is that."))
        settings = owner.settings.model_copy(update={"openai_base_url": model.base_url, "egress_allow": ["127.0.0.1"]})
        world = World(owner.database, owner.temporal, settings, owner.project, owner.bot, owner.heartbeat)
        await connect(world, desk, require_approval="always")
        async with worker.running_worker(owner.temporal, owner.database, settings):
            handle = await world.start()
            page = await until(lambda: owner.browser.page("/approvals"), lambda page: "a castle" in page)
            assert desk.times("book") == 0
            path = page.split('action="/approvals/')[1].split('"')[0]
            answer = await owner.browser.submit(f"/approvals/{path}", decision="approve", back="list")
            assert (answer.status_code, answer.headers["location"]) == (303, "/approvals?done=approved")
            assert (await handle.result()).status == "success"
        assert desk.times("book") == 1
    page = await owner.browser.page("/approvals?done=approved")
    assert "You approved the call" in page
    assert "the key first" in page
    assert "Nothing waits for you." in page


@pytest.mark.parametrize(("noun", "said"), [("heartbeats", 409), ("bots", 404)])
async def test_nobody_approves_for_what_was_deleted(owner: Owner, noun: str, said: int) -> None:
    run, asked = await waiting_run(owner)
    uuid = {"heartbeats": owner.heartbeat.uuid, "bots": owner.bot.uuid}[noun]
    assert (await owner.browser.submit(f"/{noun}/{uuid}/delete")).status_code == 303
    assert "Nothing waits for you." in await owner.browser.page("/approvals")
    for decision in ("approve", "deny"):
        late = await owner.browser.submit(f"/approvals/{asked.uuid}/decide", decision=decision)
        assert late.status_code == (303 if (said, decision) == (409, "deny") else said)
    row = await row_of(owner, Approval, asked.uuid)
    assert (row.state, row.decided_by) == ("denied", BY_DELETION)
    assert BY_DELETION in await owner.browser.page(f"/runs/{run}")
    # Upkeep tells the run, which is waiting for an answer.
    [(_, step)] = await owner.database.read(unheard, 9)
    assert step == asked.step


@pytest.mark.parametrize(("decision", "state"), [("approve", "approved"), ("deny", "denied")])
async def test_deciding_on_the_page_of_the_run_leads_back_there(owner: Owner, decision: str, state: str) -> None:
    run, approval = await waiting_run(owner)
    answer = await owner.browser.submit(f"/approvals/{approval.uuid}/decide", decision=decision, back="run")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{run}?done={state}")
    assert (await row_of(owner, Approval, approval.uuid)).state == state
    page = await owner.browser.page(answer.headers["location"])
    assert f"You {state} the call" in page
    assert "<article" not in page
    assert f'class="chip {state}"' in page


async def test_a_decision_is_one(owner: Owner) -> None:
    _, approval = await waiting_run(owner)
    path = f"/approvals/{approval.uuid}/decide"
    for odd in ({}, {"decision": "perhaps"}, {"decision": ""}):
        assert (await owner.browser.submit(path, **odd)).status_code == 400
    assert (await owner.browser.submit(path, decision="deny")).status_code == 303
    assert (await owner.browser.submit(path, decision="deny")).status_code == 303
    answer = await owner.browser.submit(path, decision="approve")
    assert answer.status_code == 409
    assert "This call was denied already" in answer.text
    assert '<a class="button" href="/approvals">Back to Approvals</a>' in answer.text
    assert (await row_of(owner, Approval, approval.uuid)).state == "denied"


async def test_what_has_expired_is_decided_no_more(owner: Owner) -> None:
    run = await owner.run(status="running", **STILL)
    await make(owner, a_call, run)
    approval = await make(owner, an_approval, run, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert "<article" not in await owner.browser.page(f"/runs/{run.uuid}")
    assert (await owner.browser.submit(f"/approvals/{approval.uuid}/decide", decision="approve")).status_code == 409


@pytest.mark.parametrize(
    ("button", "state", "days"),
    [
        ("acknowledge", "acknowledged", None),
        ("day", "snoozed", 1),
        ("week", "snoozed", 7),
        ("resolve", "resolved", None),
    ],
)
async def test_a_button_says_what_became_of_a_finding(owner: Owner, button: str, state: str, days: int | None) -> None:
    finding = await make(owner, a_finding)
    before = datetime.now(UTC)
    answer = await owner.browser.submit(f"/findings/{finding.uuid}", say=button)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/findings?done={button}")
    row = await row_of(owner, Finding, finding.uuid)
    assert row.state == state
    if days is None:
        assert row.snoozed_until is None
    else:
        assert timedelta(days=days) <= row.snoozed_until - before < timedelta(days=days, minutes=1)
    page = await owner.browser.page(answer.headers["location"])
    assert 'class="done"' in page
    assert "None is open." in page
    assert f'class="chip {state}"' in page


async def test_a_finding_marked_on_its_heartbeats_page_leads_back_there(owner: Owner) -> None:
    finding = await make(owner, a_finding)
    answer = await owner.browser.submit(f"/findings/{finding.uuid}", say="resolve", back="heartbeat")
    assert answer.headers["location"] == f"/heartbeats/{owner.heartbeat.uuid}?done=marked"
    assert "Water in the cellar" not in await owner.browser.page(answer.headers["location"])
    assert (await owner.browser.submit(f"/findings/{finding.uuid}", say="what")).status_code == 400


async def test_a_task_is_cancelled_and_keeps_its_page(owner: Owner) -> None:
    task = await make(owner, a_task)
    for _ in range(2):
        answer = await owner.browser.submit(f"/tasks/{task.uuid}/cancel")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/tasks/{task.uuid}?done=cancel")
    page = await owner.browser.page(answer.headers["location"])
    assert "The task was cancelled." in page
    assert ">Cancelled<" in page
    row = await row_of(owner, Heartbeat, task.uuid)
    assert (row.ended_as, row.synced_version) == ("cancelled", row.version)
    assert (await owner.browser.submit(f"/tasks/{owner.heartbeat.uuid}/cancel")).status_code == 404


@pytest.fixture
async def allowed(owner: Owner) -> AsyncIterator[Browser]:
    """The owner's browser, before an application that may speak to loopback."""
    settings = owner.settings.model_copy(update={"egress_allow": ["127.0.0.1"]})
    async with browsing(settings, owner.database, owner.temporal) as browser:
        await browser.sign_in(owner.key)
        yield browser


async def test_a_test_is_sent_now_and_its_page_says_what_came_of_it(owner: Owner, allowed: Browser) -> None:
    async with Receiver() as receiver:
        target = await make(owner, a_target, channel="slack", config={"url": receiver.url}, name="#support")
        answer = await allowed.submit(f"/notifications/targets/{target.uuid}/test")
        assert answer.status_code == 200
        assert "<h1>The message was taken</h1>" in answer.text
        [got] = receiver.received
        assert b"It was sent from the dashboard." in got.body
        receiver.answer = b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"
        answer = await allowed.submit(f"/notifications/targets/{target.uuid}/test")
    assert "<h1>The message did not arrive</h1>" in answer.text
    assert "500" in answer.text
    assert "data-refresh" not in answer.text
    assert "Nothing was worth telling yet." in await allowed.page("/notifications")


async def test_another_projects_owner_sees_and_moves_nothing_of_this_one(owner: Owner) -> None:
    run, approval = await waiting_run(owner)
    finding = await make(owner, a_finding)
    task = await make(owner, a_task)
    task_run = await make(owner, a_run, task, type="scheduled_task")
    target = await make(owner, a_target)
    await make(owner, a_message, owner.heartbeat, target)
    async with browsing(owner.settings, owner.database, owner.temporal) as browser:
        other = await an_owner(owner.settings, owner.database, owner.temporal, browser, "Rival")
        await browser.sign_in(other.key)
        for path in ("/", "/approvals", "/findings", "/tools", "/tasks", "/notifications"):
            page = await browser.page(path)
            assert 'class="badge' not in page
            for own in (approval.uuid, run, finding.uuid, finding.title, task.uuid, "The pager", "chip failed"):
                assert own not in page, f"{path} {own}"
        for path in (
            f"/tasks/{task.uuid}",
            f"/runs/{task_run.uuid}",
            f"/notifications?heartbeat={owner.heartbeat.uuid}",
        ):
            assert (await browser.get(path)).status_code == 404, path
        for path, fields in presses(approval.uuid, finding.uuid, task.uuid, target.uuid):
            answer = await browser.submit(path, **fields)
            assert answer.status_code == 404, path
            assert "<h1>Not found</h1>" in answer.text
    assert await untouched(owner, approval.uuid, finding.uuid, task.uuid)


async def test_a_stranger_and_a_foreign_form_move_nothing(owner: Owner, stranger: Browser) -> None:
    _, approval = await waiting_run(owner)
    finding, task = await make(owner, a_finding), await make(owner, a_task)
    target = await make(owner, a_target)
    for path, fields in presses(approval.uuid, finding.uuid, task.uuid, target.uuid):
        answer: httpx.Response = await stranger.submit(path, **fields)
        assert (answer.status_code, 'action="/sign-in"' in answer.text) == (401, True)
        for headers in FOREIGN:
            assert (await owner.browser.post(path, data=fields, headers=headers)).status_code == 403
    assert await untouched(owner, approval.uuid, finding.uuid, task.uuid)


def presses(approval: str, finding: str, task: str, target: str) -> list[tuple[str, dict[str, str]]]:
    """Every button there is, as its path and fields."""
    return [
        (f"/approvals/{approval}/decide", {"decision": "approve"}),
        (f"/findings/{finding}", {"say": "resolve"}),
        (f"/tasks/{task}/cancel", {}),
        (f"/notifications/targets/{target}/test", {}),
    ]


async def untouched(owner: Owner, approval: str, finding: str, task: str) -> bool:
    uuids = {Approval: approval, Finding: finding, Heartbeat: task}
    rows = [await row_of(owner, table, uuid) for table, uuid in uuids.items()]
    return (rows[0].state, rows[1].state, rows[2].ended_as) == ("pending", "open", None)
