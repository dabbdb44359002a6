"""What a heartbeat's form makes, changes, makes again and deletes, also when two edit at once."""

from html import unescape

import pytest
from sqlalchemy import select

from api.dashboard.forms import Form
from api.dashboard.views import formats
from heartbeat.domain.heartbeat_fields import HeartbeatFields
from heartbeat.store.database.rows import columns, exactly_one
from heartbeat.store.heartbeats.tick_accounting import start_delay_of
from heartbeat.store.tables.bots import Bot
from tests.support.dashboard import Owner
from tests.support.heartbeat_form import fields_of, heartbeats_of, row_at, send, set_plan, typed_on
from tests.support.seeds import heartbeat_row

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

BOT = columns(Bot)


async def test_what_is_saved_is_off_until_it_is_switched_on(owner: Owner) -> None:
    saved = await row_at(owner, await send(owner, "/heartbeats/new", fields_of(owner)))
    assert (saved.prompt, saved.label, saved.cron_pattern) == ("Suggest one thing.", "Ideas", "0 0 1 1 *")
    assert (saved.bot_id, saved.enabled, saved.synced_version) == (owner.bot.id, False, saved.version)
    page = await owner.browser.page(f"/heartbeats/{saved.uuid}?done=created")
    assert "The heartbeat was made. It is off" in page
    edit = f"/heartbeats/{saved.uuid}/edit"
    on = await row_at(owner, await send(owner, edit, typed_on(await owner.browser.page(edit)), "enable"))
    assert (on.id, on.enabled) == (saved.id, True)
    again = await row_at(owner, await send(owner, edit, typed_on(await owner.browser.page(edit))))
    assert again.enabled, "Save leaves it on"
    straight = await row_at(owner, await send(owner, "/heartbeats/new", fields_of(owner), "enable"))
    assert straight.enabled
    assert straight.id != saved.id, "a form of a new heartbeat changes none that has the same prompt"


async def test_the_form_of_a_heartbeat_saved_as_it_is_changes_nothing(owner: Owner) -> None:
    values = {"interval_minutes": 90, "cron_pattern": None, "active_days": "6,7", "auto_resume": False}
    odd = await owner.add(
        prompt='Line one.\r\n\r\n  "Quoted" & <b>bold</b>\n',
        external_id=" k",
        jitter_seconds=7,
        enabled=False,
        **values,
    )
    for heartbeat in (odd, owner.heartbeat):
        edit = f"/heartbeats/{heartbeat.uuid}/edit"
        page = await owner.browser.page(edit)
        saved = await row_at(owner, await send(owner, edit, typed_on(page)))
        assert {name: getattr(saved, name) for name in HeartbeatFields.model_fields} == {
            name: getattr(heartbeat, name) for name in HeartbeatFields.model_fields
        }
        assert (saved.version, saved.anchor_at) == (heartbeat.version, heartbeat.anchor_at)


async def test_a_bot_is_made_with_its_heartbeat_or_not_at_all(owner: Owner) -> None:
    new = {"bot_id": "new", "bot_name": "Desk", "bot_model": "", "bot_instruction": "Be kind."}
    of_name = select(BOT).where(BOT.c.name == "Desk", BOT.c.project_id == owner.project.id)
    await set_plan(owner, "starter")
    refused = await send(owner, "/heartbeats/new", fields_of(owner, **new, frequency="minutes", every="5"))
    assert refused.status_code == 400
    assert "runs every 5 minutes at its closest" in unescape(refused.text)
    assert await owner.database.read(lambda c: c.execute(of_name).all()) == []
    made = await row_at(owner, await send(owner, "/heartbeats/new", fields_of(owner, **new)))
    bot = await owner.database.read(lambda c: exactly_one(c, Bot, of_name))
    assert (made.bot_id, bot.heartbeat, bot.model, bot.instruction) == (bot.id, True, None, "Be kind.")


async def test_the_second_of_two_editors_is_told_what_the_first_changed(owner: Owner) -> None:
    edit = f"/heartbeats/{owner.heartbeat.uuid}/edit"
    first, second = [Form(typed_on(await owner.browser.page(edit))) for _ in range(2)]
    first = first.replaced([("label", "First"), ("frequency", "daily"), ("time", "06:00")])
    assert (await send(owner, edit, first.fields)).status_code == 303
    second = second.replaced([("max_steps", "9"), ("label", "Second")])
    answer = await send(owner, edit, second.fields)
    assert answer.status_code == 409
    told = unescape(answer.text.split('id="changes"')[1].split("</section>")[0])
    assert '<th scope="row">Name</th><td>none</td><td>First</td>' in told
    assert "<td>0 0 1 1 *</td><td>0 6 * * *</td>" in told
    assert "Prompt" not in told
    kept = Form(typed_on(answer.text))
    assert (kept.get("max_steps"), kept.get("label"), kept.get("cron_pattern")) == ("9", "Second", "0 0 1 1 *")

    theirs = await send(owner, edit, kept.fields, "theirs")
    assert theirs.status_code == 200
    taken = Form(typed_on(theirs.text))
    assert [taken.get(name) for name in ("max_steps", "label", "frequency", "time")] == ["9", "First", "daily", "06:00"]
    unsaved = await owner.database.read(heartbeat_row, owner.heartbeat.uuid)
    assert (unsaved.label, unsaved.max_steps) == ("First", 20)

    mine = await row_at(owner, await send(owner, edit, kept.fields))
    assert (mine.label, mine.max_steps, mine.cron_pattern) == ("Second", 9, "0 0 1 1 *")
    again = await send(owner, edit, kept.fields)
    assert again.status_code == 303, "what is already as it is to be is no conflict"


async def test_a_form_whose_heartbeat_was_deleted_makes_a_new_one_of_what_was_typed(owner: Owner) -> None:
    edit = f"/heartbeats/{owner.heartbeat.uuid}/edit"
    form = Form(typed_on(await owner.browser.page(edit))).replaced([("label", "Kept")])
    assert (await owner.browser.submit(f"/heartbeats/{owner.heartbeat.uuid}/delete")).status_code == 303
    answer = await send(owner, edit, form.fields)
    assert answer.status_code == 404
    assert "was deleted meanwhile" in answer.text
    assert 'action="/heartbeats/new"' in answer.text
    made = await row_at(owner, await send(owner, "/heartbeats/new", typed_on(answer.text)))
    assert (made.label, made.prompt) == ("Kept", owner.heartbeat.prompt)


async def test_another_like_it_is_another(owner: Owner) -> None:
    like = await owner.add(prompt="The same.", label="Report", external_id="key", catch_up="none", enabled=False)
    page = await owner.browser.page(f"/heartbeats/new?from={like.uuid}")
    made = await row_at(owner, await send(owner, "/heartbeats/new", typed_on(page)))
    assert made.id != like.id
    assert (made.prompt, made.label, made.external_id, made.catch_up) == ("The same.", "Report (copy)", None, "none")
    taken = await send(owner, "/heartbeats/new", [*typed_on(page), ("external_id", "key")])
    assert taken.status_code == 303, "the first of two fields counts"
    form = Form(typed_on(page)).replaced([("external_id", "key")])
    refused = await send(owner, "/heartbeats/new", form.fields)
    assert refused.status_code == 409
    assert f"belongs to heartbeat {like.uuid}" in refused.text


async def test_it_is_deleted_after_a_question(owner: Owner) -> None:
    page = await owner.browser.page(f"/heartbeats/{owner.heartbeat.uuid}")
    for name in ("edit", "delete"):
        assert f'href="/heartbeats/{owner.heartbeat.uuid}/{name}"' in page
    assert f'href="/heartbeats/new?from={owner.heartbeat.uuid}"' in page
    question = await owner.browser.page(f"/heartbeats/{owner.heartbeat.uuid}/delete")
    assert "This cannot be undone" in question
    assert await heartbeats_of(owner) == 1
    answer = await owner.browser.submit(f"/heartbeats/{owner.heartbeat.uuid}/delete")
    assert answer.headers["location"] == "/?done=deleted"
    assert "The heartbeat was deleted" in await owner.browser.page("/?done=deleted")
    assert await heartbeats_of(owner) == 0


async def test_what_ends_becomes_a_task(owner: Owner) -> None:
    once = fields_of(owner, frequency="once", once_at="2027-01-04T09:00", timezone="Europe/Berlin", description="Why.")
    part = unescape((await send(owner, "/heartbeats/outlook", once)).text)
    assert "Once, on Monday 4 January 2027 at 09:00, Berlin time" in part
    assert part.count("<time") == 2
    answer = await send(owner, "/heartbeats/new", once)
    assert answer.headers["location"].startswith("/tasks/task_")
    task = await row_at(owner, answer)
    assert (task.label, task.description, task.max_executions) == ("Ideas", "Why.", 1)
    thrice = fields_of(owner, frequency="daily", ends="after", max_executions="3")
    assert (await send(owner, "/heartbeats/outlook", thrice)).text.count("<time") == 3
    assert (await row_at(owner, await send(owner, "/heartbeats/new", thrice))).max_executions == 3
    gone = fields_of(owner, frequency="once", once_at="2020-01-04T09:00")
    assert 'data-field="once_at">Write a time from now' in (await send(owner, "/heartbeats/outlook", gone)).text
    past = await send(owner, "/heartbeats/new", gone)
    assert past.status_code == 400
    assert 'id="once_at-said" role="alert">Write a time from now' in past.text
    edit = f"/heartbeats/{owner.heartbeat.uuid}/edit"
    refused = await send(owner, edit, [*typed_on(await owner.browser.page(edit)), ("ends", "after")])
    assert refused.status_code == 400


async def test_the_page_of_a_heartbeat_with_a_spread_says_how_late_it_starts(owner: Owner) -> None:
    spread = await owner.add(
        uuid="hb_spread", prompt="Spread out.", cron_pattern=None, interval_minutes=90, jitter_seconds=3_600
    )
    seconds = start_delay_of(spread).total_seconds()
    assert seconds > 0
    page = unescape(await owner.browser.page(f"/heartbeats/{spread.uuid}"))
    assert f"each run starts {formats.span(seconds)} after its tick" in page
    assert "each run starts" not in await owner.browser.page(f"/heartbeats/{owner.heartbeat.uuid}")
