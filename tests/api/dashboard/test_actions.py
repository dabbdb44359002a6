"""Run now, Enable, Disable; and what a page says when something is down."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

import worker
from api.dashboard.routes import run_actions
from heartbeat.domain.ids import new_id
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.runs.runs import RUN
from heartbeat.temporal.client import connect
from tests.support.dashboard import SITE, Owner, browsing
from tests.support.html_pages import HtmlPage
from tests.support.model_server import ModelServer, says
from tests.support.patience import until
from tests.support.ports import free_port
from tests.support.seeds import heartbeat_row


@pytest.fixture
async def scheduled(owner: Owner) -> AsyncIterator[Owner]:
    """The owner, whose heartbeat's schedule is deleted afterwards."""
    yield owner
    with contextlib.suppress(Exception):
        await owner.temporal.get_schedule_handle(owner.heartbeat.uuid).delete()


def nobody_listens() -> str:
    return f"127.0.0.1:{free_port()}"


async def press(owner: Owner, button: str) -> str:
    """The text of the page a button leads to."""
    path = f"/heartbeats/{owner.heartbeat.uuid}"
    answer = await owner.browser.submit(f"{path}/{button}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done={button}")
    return await owner.browser.page(answer.headers["location"])


async def test_run_now_starts_a_run_that_appears_by_itself(owner: Owner) -> None:
    with contextlib.closing(ModelServer()) as model:
        model.reply = lambda _: says("Nobody waits.")
        settings = owner.settings.model_copy(update={"openai_base_url": model.base_url})
        async with worker.running_worker(owner.temporal, owner.database, settings):
            assert "A run was started" in await press(owner, "run")
            # The page itself costs too much to ask for it all the time.
            await until(lambda: owner.database.read(heartbeat_row, owner.heartbeat.uuid), lambda row: row.success_count)
            page = await owner.browser.page(f"/heartbeats/{owner.heartbeat.uuid}")
    assert await owner.database.read(lambda c: list(c.execute(select(RUN.c.triggered_by)).scalars())) == [
        "the key first"
    ]
    assert "Nobody waits." in page
    assert "by hand" in page
    assert "Success" in page


async def test_disable_and_enable_move_the_row_and_its_schedule(scheduled: Owner) -> None:
    page = await press(scheduled, "disable")
    assert "The heartbeat is off now." in page
    assert ">Off<" in page
    handle = scheduled.temporal.get_schedule_handle(scheduled.heartbeat.uuid)
    assert (await handle.describe()).schedule.state.paused
    page = await press(scheduled, "enable")
    assert ">On<" in page
    assert not (await handle.describe()).schedule.state.paused
    row = await scheduled.database.read(heartbeat_row, scheduled.heartbeat.uuid)
    assert row.enabled
    assert row.synced_version == row.version


async def test_only_what_makes_sense_is_offered(scheduled: Owner) -> None:
    path = f"/heartbeats/{scheduled.heartbeat.uuid}"
    assert f"{path}/enable" not in await scheduled.browser.page(path)
    await press(scheduled, "disable")
    assert f"{path}/disable" not in await scheduled.browser.page(path)


async def test_a_notice_is_one_of_ours_and_goes_with_the_next_refresh(owner: Owner) -> None:
    path = f"/heartbeats/{owner.heartbeat.uuid}"
    assert 'class="done"' not in await owner.browser.page(f"{path}?done=you+won")
    page = await owner.browser.page(f"{path}?done=run")
    assert 'class="done"' in page
    assert f'data-refresh="{path}"' in page


async def test_a_plan_without_heartbeats_says_so_on_a_page(owner: Owner) -> None:
    settings = owner.settings.model_copy(update={"plans": {"self_hosted": owner.settings.plan("free")}})
    async with browsing(settings, owner.database, owner.temporal) as browser:
        await browser.sign_in(owner.key)
        answer = await browser.submit(f"/heartbeats/{owner.heartbeat.uuid}/run")
    assert answer.status_code == 403
    assert "does not support heartbeats" in answer.text


async def test_without_temporal_pages_work_and_run_now_says_that_nothing_was_started(owner: Owner) -> None:
    away = await connect(Settings(_env_file=None, temporal_address=nobody_listens()))
    async with browsing(owner.settings, owner.database, away) as browser:
        await browser.sign_in(owner.key)
        path = f"/heartbeats/{owner.heartbeat.uuid}"
        answer = await browser.submit(f"{path}/run")
        assert answer.status_code == 503
        assert "nothing was started" in answer.text
        assert answer.headers["retry-after"]
        assert (await browser.submit(f"{path}/disable")).status_code == 303
        assert (await browser.submit(f"{path}/enable")).status_code == 303
        assert ">Pending<" in await browser.page(path)


async def test_without_a_database_there_is_a_page_too(temporal: Client) -> None:
    url = f"postgresql://heartbeat@{nobody_listens()}/heartbeat"
    settings = Settings(_env_file=None, database_url=url, task_queue=new_id("queue"))
    with contextlib.closing(Database(url)) as database:
        async with browsing(settings, database, temporal) as browser:
            headers = {"cookie": "heartbeat_session=x"}
            answer = await browser.get("/", headers=headers)
            assert answer.status_code == 503
            assert "<h1>Not reachable</h1>" in answer.text
            assert "127.0.0.1" not in answer.text
            assert answer.headers["retry-after"]
            assert (await browser.post("/sign-in", data={"key": "x"}, headers={"origin": SITE})).status_code == 503
            typed = {"key": "hbk_x", "name": '<b>"Desk"', "draft": "form_1"}
            answer = await browser.post("/bots/new?a=b", data=typed, headers={"origin": SITE} | headers)
            form = next(form for form in HtmlPage(answer.text).forms if form.action == "/bots/new?a=b")
            assert dict(form.fields) == {"name": '<b>"Desk"', "draft": "form_1"}


async def test_our_own_mistakes_are_a_page_that_tells_nothing(owner: Owner) -> None:
    await owner.add(prompt="on Mars", timezone="Mars/Olympus")
    answer = await owner.browser.get("/")
    assert answer.status_code == 500
    assert "<h1>Something went wrong</h1>" in answer.text
    assert "Mars" not in answer.text
    assert answer.headers["content-security-policy"]


async def test_a_run_that_no_worker_takes_is_left_to_begin_and_to_end_later(
    scheduled: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever pressed the button waits a moment for a worker, and not for ever."""
    for name in ("OPENED_WITHIN", "CANCELLED_WITHIN"):
        monkeypatch.setattr(run_actions, name, 0.01)
    earlier = await scheduled.run()
    begun = await scheduled.browser.submit(f"/runs/{earlier.uuid}/again")
    page = f"/heartbeats/{scheduled.heartbeat.uuid}?done=run"
    assert (begun.status_code, begun.headers["location"]) == (303, page)
    assert "A run was started" in await scheduled.browser.page(page)

    workflow_id = new_id("hb")
    handle = await scheduled.temporal.start_workflow("AgentRun", id=workflow_id, task_queue=new_id("queue"))
    going = await scheduled.run(
        status="running", workflow_id=workflow_id, workflow_run_id=handle.first_execution_run_id
    )
    ended = await scheduled.browser.submit(f"/runs/{going.uuid}/cancel")
    assert (ended.status_code, ended.headers["location"]) == (303, f"/runs/{going.uuid}?done=cancel")
    events = [event.event_type async for event in handle.fetch_history_events()]
    assert EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED in events
    await handle.terminate()
