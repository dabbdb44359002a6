"""Rehearse what is not saved, try an edit on the last runs, and press the buttons of a run."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, update

import worker
from heartbeat.domain.ids import new_id
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import IdempotencyKey
from heartbeat.store.tables.runs import Run
from tests.support.dashboard import Owner, browsing
from tests.support.html_pages import HtmlPage
from tests.support.model_server import ModelServer, asks, says
from tests.support.patience import until

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

FORM = {"prompt": "Look at the <b>disks</b>.", "frequency": "hours", "every": "2", "timezone": "UTC"}
NEW_BOT = {"bot_id": "new", "bot_name": "Watcher", "bot_model": "openai:other", "bot_instruction": "Be new."}


@pytest.fixture
async def working(owner: Owner, model: ModelServer) -> AsyncIterator[Owner]:
    """The owner, with a worker and a scripted model."""
    provider = {"openai_base_url": model.base_url, "openai_api_key": SecretStr("test-key")}
    settings = owner.settings.model_copy(update=provider)
    async with (
        worker.running_worker(owner.temporal, owner.database, settings),
        browsing(settings, owner.database, owner.temporal) as browser,
    ):
        owner.browser = browser
        await browser.sign_in(owner.key)
        yield owner


async def submit(owner: Owner, path: str, **fields: str) -> str:
    """The address that a form leads to."""
    answer = await owner.browser.submit(path, **fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def ended(owner: Owner, path: str) -> str:
    """The page, once what it shows is over."""
    return await until(lambda: owner.browser.page(path), lambda page: "data-going" not in page)


async def saved(owner: Owner) -> list[int]:
    """How many bots and heartbeats anything lists."""
    tables = [columns(table) for table in (Bot, Heartbeat)]
    counts = [select(func.count()).select_from(table).where(table.c.deleted_at.is_(None)) for table in tables]
    return await owner.database.read(lambda c: [c.execute(count).scalar_one() for count in counts])


async def test_what_stands_in_the_form_is_rehearsed_unsaved(working: Owner, model: ModelServer) -> None:
    before, draft = await saved(working), new_id("hb")
    model.script(asks(("remember", {"text": "<i>x</i>"})), says("All <b>full</b>."))
    bot = {"bot_id": working.bot.uuid, "draft": draft}
    page = await ended(working, await submit(working, "/heartbeats/rehearse", **FORM, **bot))
    assert "<b>" not in page
    assert "full" in page
    assert "&lt;i&gt;x&lt;/i&gt;" in page
    assert "It would have been called" in page
    assert "It cost 2 credits" in page
    assert model.requests[0]["messages"][-1]["content"].endswith(FORM["prompt"])

    model.script(says("Made anew."))
    page = await ended(working, await submit(working, "/heartbeats/rehearse", **FORM, **NEW_BOT, draft=draft))
    assert "Made anew." in page
    assert (model.requests[-1]["model"], model.requests[-1]["messages"][0]["content"]) == ("other", "Be new.")
    assert await saved(working) == before
    assert "Look at the" not in await working.browser.page("/")
    form = await working.browser.page("/heartbeats/new")
    assert 'name="draft" value="hb_' in form
    assert "rehearse-form" in form
    assert "try-form" not in form

    # Switching it on makes the heartbeat of the draft, with what was rehearsed and charged.
    made = await submit(working, "/heartbeats/new", **FORM, **NEW_BOT, draft=draft, do="enable")
    assert made == f"/heartbeats/{draft}?done=enable"
    await working.temporal.get_schedule_handle(draft).delete()
    page = await working.browser.page(made)
    assert ">On<" in page or ">Pending<" in page
    assert page.count("/runs/log_") >= 2
    assert await saved(working) == [count + 1 for count in before]

    answer = await working.browser.submit("/heartbeats/rehearse", **{**FORM, "prompt": ""}, **bot)
    assert answer.status_code == 400
    assert "Nothing was rehearsed yet" in answer.text
    assert "<strong>Prompt</strong>" in answer.text


async def test_an_edit_is_tried_on_the_last_runs(working: Owner, model: ModelServer) -> None:
    assert "try-form" in await working.browser.page(f"/heartbeats/{working.heartbeat.uuid}/edit")
    edit = {**FORM, "bot_id": working.bot.uuid, "uuid": working.heartbeat.uuid}
    nothing = await working.browser.submit("/heartbeats/try", **edit)
    assert (nothing.status_code, "has not run yet" in nothing.text) == (409, True)
    model.reply = lambda _: says("All quiet.")
    for _ in range(2):
        await submit(working, f"/heartbeats/{working.heartbeat.uuid}/run")
    table = columns(Run)
    ends = select(func.count()).select_from(table).where(table.c.status == "success")
    await until(lambda: working.database.read(lambda c: c.execute(ends).scalar_one()), lambda count: count == 2)
    model.reply = lambda _: says("Edited.")
    page = await ended(working, await submit(working, "/heartbeats/try", **edit, try_model="openai:other"))
    assert page.count("All quiet.") == 2
    assert page.count("Edited.") == 2
    assert page.count("openai:other") == 2
    assert "in the replays" in page
    # The heartbeat itself is as it was.
    row = select(columns(Heartbeat).c.prompt).where(columns(Heartbeat).c.uuid == working.heartbeat.uuid)
    assert await working.database.read(lambda c: c.execute(row).scalar_one()) == working.heartbeat.prompt


async def test_the_buttons_of_a_run(working: Owner, model: ModelServer) -> None:
    run = await working.run(response="As it was.", opening="It is Friday.")
    page = await working.browser.page(f"/runs/{run.uuid}")
    for button in ("run-again", "rehearse-run", "start-replay"):
        assert f'id="{button}"' in page
    assert "cancel-run" not in page
    model.reply = lambda _: says("Once more.")
    compared = await submit(working, f"/runs/{run.uuid}/replay", prompt="Anew.", model=run.model)
    page = await ended(working, compared)
    assert "As it was." in page
    assert "Once more." in page
    replay = compared.rpartition("/")[2]
    page = await working.browser.page(f"/runs/{replay}")
    assert compared in page
    assert "This is a replay" in page
    assert "Once more." in await ended(working, await submit(working, f"/runs/{run.uuid}/rehearse"))
    again = await submit(working, f"/runs/{run.uuid}/again")
    await until(lambda: working.browser.page(again), lambda page: "Once more." in page)
    conflict = await working.browser.submit(f"/runs/{run.uuid}/cancel")
    assert conflict.status_code == 409


async def test_a_button_that_is_pressed_twice_starts_one_run(working: Owner, model: ModelServer) -> None:
    run = await working.run()
    model.reply = lambda _: says("Once more.")
    of_run = f"/runs/{run.uuid}"
    buttons = [(f"/heartbeats/{working.heartbeat.uuid}", "run"), (of_run, "again"), (of_run, "rehearse")]
    for page, button in [*buttons, (of_run, "replay")]:
        path = f"{page}/{button}"
        once, anew = [await fields_of(working, page, path) for _ in range(2)]
        answers = await asyncio.gather(*(submit(working, path, **fields) for fields in (once, once, anew)))
        assert len(set(answers)) == (1 if button == "run" else 2), button
    promised = select(columns(IdempotencyKey).c.answer)
    log_ids = await working.database.read(lambda c: set(c.execute(promised).scalars()))
    assert len(log_ids) == 2 * 4
    ended = select(columns(Run).c.uuid).where(columns(Run).c.status != "running")
    runs = await until(
        lambda: working.database.read(lambda c: c.execute(ended).scalars().all()), lambda all_: len(all_) > 8
    )
    assert set(runs) == log_ids | {run.uuid}


async def fields_of(owner: Owner, page: str, action: str) -> dict[str, str]:
    """What a form of this page sends as it stands."""
    forms = HtmlPage(await owner.browser.page(page), page).forms
    return dict(next(form.fields for form in forms if form.action == action))


async def test_runs_of_others_and_of_deleted_heartbeats(working: Owner) -> None:
    run = await working.run(status="running", finished_at=None, duration_ms=None)
    assert "cancel-run" in await working.browser.page(f"/runs/{run.uuid}")
    # The workflow that it names is gone, so there is nothing to wait for.
    await working.database.write(lambda c: c.execute(update(columns(Run)).values(workflow_run_id=str(uuid4()))))
    assert await submit(working, f"/runs/{run.uuid}/cancel") == f"/runs/{run.uuid}?done=cancel"
    table = columns(Run)
    await working.database.write(lambda c: c.execute(update(table).values(status="success")))
    await working.database.write(lambda c: c.execute(update(columns(Heartbeat)).values(deleted_at=run.started_at)))
    page = await working.browser.page(f"/runs/{run.uuid}")
    assert "run-again" not in page
    assert "start-replay" not in page
    for path in (f"/runs/{run.uuid}/again", "/runs/log_nowhere/again", "/runs/log_nowhere/replay"):
        assert (await working.browser.submit(path)).status_code == 404
    for path in ("/rehearsals/log_nowhere", f"/runs/{run.uuid}/compare/log_nowhere", f"/tries/{run.uuid}"):
        assert (await working.browser.get(path)).status_code == 404
