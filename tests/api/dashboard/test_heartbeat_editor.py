"""The pages of a heartbeat's form: made, changed, made again, deleted; refused with nothing lost."""

import re
from html import unescape
from typing import Any

import httpx
import pytest
from markupsafe import escape
from sqlalchemy import Connection, func, insert, select, update

from api.dashboard import heartbeat_form as forms
from api.dashboard.forms import Form
from api.dashboard.when_form import WHEN
from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.heartbeat_fields import HeartbeatFields
from heartbeat.gallery.templates import templates
from heartbeat.store.heartbeats.heartbeats import IS_HEARTBEAT
from heartbeat.store.rows import columns, exactly_one
from heartbeat.store.tables.bots import Bot, Subscriber
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from tests.support.dashboard import SITE, Owner
from tests.support.seeds import a_bot, a_heartbeat, a_project, heartbeat_row

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

BOT, HEARTBEAT, PROJECT = columns(Bot), columns(Heartbeat), columns(Project)
TYPED = {"prompt": "Suggest one thing.", "label": "Ideas", "cron_pattern": "0 0 1 1 *"}


def fields_of(owner: Owner, **fields: str) -> list[tuple[str, str]]:
    """What the browser sends of a form with `TYPED` in it and these."""
    form = forms.form_of(TYPED, [("bot_id", owner.bot.uuid)])
    return form.replaced([*fields.items()]).fields


async def send(owner: Owner, path: str, fields: list[tuple[str, str]], do: str = "save") -> httpx.Response:
    data: dict[str, Any] = {}
    for name, value in [*fields, ("do", do)]:
        data.setdefault(name, []).append(value)
    return await owner.browser.post(path, data=data, headers={"origin": SITE})


def typed_on(page: str) -> list[tuple[str, str]]:
    """The fields that a browser would send of a page's form, its controls as they stand."""
    form = page.split('id="heartbeat-form"')[1].split("</form>")[0]
    fields = []
    for tag in re.findall(r"<input [^>]*>", form):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        is_choice = attributes.get("type") in ("checkbox", "radio")
        if "name" in attributes and (not is_choice or " checked" in tag):
            fields.append((attributes["name"], unescape(attributes.get("value", ""))))
    for name, text in re.findall(r'<textarea [^>]*name="(\w+)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL):
        fields.append((name, unescape(text)))
    for name, options in re.findall(r'<select [^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        values = re.findall(r'<option value="([^"]*)"( selected)?', options)
        fields.append((name, next((value for value, chosen in values if chosen), values[0][0])))
    return fields


def hidden_on(page: str) -> dict[str, str]:
    """The hidden fields of a page, each of which is there once."""
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', page)}


async def heartbeats_of(owner: Owner) -> int:
    count = select(func.count()).select_from(HEARTBEAT).where(HEARTBEAT.c.project_id == owner.project.id, IS_HEARTBEAT)
    return await owner.database.read(lambda c: c.execute(count).scalar_one())


async def set_plan(owner: Owner, plan: str) -> None:
    statement = update(PROJECT).where(PROJECT.c.id == owner.project.id).values(plan=plan)
    await owner.database.write(lambda c: c.execute(statement))


async def row_at(owner: Owner, answer: httpx.Response) -> Heartbeat:
    """The heartbeat or task that an answer leads to."""
    assert answer.status_code == 303, answer.text
    uuid = answer.headers["location"].split("/")[2].split("?")[0]
    return await owner.database.read(heartbeat_row, uuid)


async def test_every_field_of_the_api_has_its_control(owner: Owner) -> None:
    page = await owner.browser.page(f"/heartbeats/{owner.heartbeat.uuid}/edit")
    names = {name for name, _ in re.findall(r'name="(\w+)"( value|)', page)}
    assert HeartbeatFields.model_fields.keys() - names == {"interval_minutes"}
    assert set(WHEN) - names == {"once_at", "ends"}
    ids = re.findall(r'<(?:input|select|textarea) id="(\w+)"', page)
    assert len(ids) == len(set(ids)) > 15
    assert all(f'<label for="{name}">' in page for name in ids)


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


async def test_a_refused_form_keeps_everything_and_says_what_is_wrong_where(owner: Owner) -> None:
    sent = fields_of(owner, prompt="  ", label="<b>Mine</b>", max_steps="201", external_id="key", active_days="3")
    answer = await send(owner, "/heartbeats/new?template=daily-idea", sent)
    assert answer.status_code == 400
    page = unescape(answer.text)
    assert '<p class="problem" id="max_steps-said" role="alert">Must be at most 200</p>' in page
    assert '<p class="problem" id="prompt-said" role="alert">Must not be empty</p>' in page
    assert 'name="max_steps" value="201" aria-invalid="true" aria-describedby="max_steps-said"' in page
    assert 'action="/heartbeats/new?template=daily-idea"' in page
    kept = typed_on(answer.text)
    assert set(sent) - {("prompt", "  ")} <= set(kept)
    assert "<b>Mine" not in answer.text
    assert await heartbeats_of(owner) == 1


async def test_a_form_that_is_sent_after_its_session_is_kept_until_it_is_saved(owner: Owner) -> None:
    typed = fields_of(owner, prompt="One.\n\nTwo & <b>three</b>", frequency="weekly", days="5", time="23:15")
    owner.browser.cookies.clear()
    assert (await send(owner, "/heartbeats/outlook", typed)).status_code == 401
    door = await send(owner, "/heartbeats/new", typed)
    assert door.status_code == 401
    waiting = hidden_on(door.text)
    signed_in = await owner.browser.post("/sign-in", data={**waiting, "key": owner.key}, headers={"origin": SITE})
    assert 'action="/heartbeats/new"' in signed_in.text
    made = await row_at(owner, await send(owner, "/heartbeats/new", [*hidden_on(signed_in.text).items()]))
    assert (made.prompt, made.cron_pattern) == ("One.\n\nTwo & <b>three</b>", "15 23 * * 5")


async def test_check_says_the_same_without_scripts_and_saves_nothing(owner: Owner) -> None:
    answer = await send(owner, "/heartbeats/new", fields_of(owner, frequency="weekly", every="x", prompt=""), "check")
    assert answer.status_code == 200
    assert "Choose one day or more" in answer.text
    assert "Must not be empty" in answer.text
    better = fields_of(owner, frequency="cron", cron_pattern="0 8 1 * *", timezone="Asia/Kolkata")
    page = (await send(owner, "/heartbeats/new", better, "check")).text
    assert Cadence("Asia/Kolkata", "0 8 1 * *").sentence() in unescape(page)
    assert '<option value="monthly" selected>' in page
    assert await heartbeats_of(owner) == 1


async def test_what_is_typed_is_looked_ahead_as_the_api_previews_it(owner: Owner) -> None:
    fields = fields_of(owner, frequency="weekdays", timezone="Asia/Kolkata", credit_budget="3", prompt="")
    owner.browser.cookies.set("heartbeat_zone", "Asia/Tokyo")
    answer = await send(owner, "/heartbeats/outlook", fields)
    assert answer.status_code == 200
    body = {
        "project_id": owner.project.uuid,
        "bot_id": owner.bot.uuid,
        "prompt": "Another.",
        "cron_pattern": "0 9 * * 1-5",
        "timezone": "Asia/Kolkata",
        "credit_budget": 3,
    }
    key = {"authorization": f"Bearer {owner.key}"}
    preview = (await owner.browser.post("/v1/bot/heartbeat/preview", json=body, headers=key)).json()
    part = unescape(answer.text)
    assert part.lstrip().startswith('<div id="outlook"')
    assert "<html" not in part
    assert f'<p class="when">{preview["schedule"]}</p>' in part
    assert f"<dd>{preview['runs_per_month']}</dd>" in part
    assert f"<dd>{preview['credits_per_month']}</dd>" in part
    assert preview["budget_spent_on"] is not None
    assert "spent on" in part
    for tick in preview["ticks"]:
        assert part.count(f'datetime="{tick["utc"]}"') == 2
    assert ", 09:00</time>" in part
    assert ", 12:30</time>" in part
    assert '<li data-field="prompt">Must not be empty</li>' in part
    assert await heartbeats_of(owner) == 1


async def test_the_clocks_and_the_plan_are_told_of_beside_the_form(owner: Owner) -> None:
    spring = fields_of(owner, cron_pattern="30 2 25-31 3 *", timezone="Europe/Berlin", bot_id="new")
    part = unescape((await send(owner, "/heartbeats/outlook", spring)).text)
    assert "The clocks skip 02:00 to 03:00; it runs at the first moment after" in part
    await set_plan(owner, "starter")
    often = await send(owner, "/heartbeats/outlook", fields_of(owner, frequency="minutes", every="7"))
    assert "Configure would refuse this: " in unescape(often.text)
    nothing = await send(owner, "/heartbeats/outlook", fields_of(owner, frequency="weekly"))
    assert "As soon as it is clear when it runs" in nothing.text


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
    past = await send(owner, "/heartbeats/new", fields_of(owner, frequency="once", once_at="2020-01-04T09:00"))
    assert past.status_code == 400
    assert 'id="once_at-said" role="alert">Write a time from now' in past.text
    edit = f"/heartbeats/{owner.heartbeat.uuid}/edit"
    refused = await send(owner, edit, [*typed_on(await owner.browser.page(edit)), ("ends", "after")])
    assert refused.status_code == 400


async def test_templates_fill_the_form(owner: Owner) -> None:
    page = await owner.browser.page("/heartbeats/new")
    for name, template in templates().items():
        assert f'href="/heartbeats/new?template={name}">{escape(template.name)}</a>' in page
        filled_page = await owner.browser.page(f"/heartbeats/new?template={name}")
        assert (f"The template is good with: {', '.join(template.tools)}." in filled_page) == bool(template.tools)
        filled = Form(typed_on(filled_page))
        assert filled.get("prompt") == template.heartbeat.prompt.strip()
        assert filled.get("cron_pattern") == (template.heartbeat.cron_pattern or "")
    nothing = await owner.browser.page("/heartbeats/new?template=../../etc/passwd")
    assert Form(typed_on(nothing)).replaced([], "draft").fields == Form(typed_on(page)).replaced([], "draft").fields


async def test_a_first_form_proposes_a_bot_and_the_readers_zone(owner: Owner) -> None:
    owner.browser.cookies.set("heartbeat_zone", "Asia/Tokyo")
    gone = update(BOT).where(BOT.c.id == owner.bot.id).values(deleted_at=owner.bot.created_at)
    await owner.database.write(lambda c: c.execute(gone))
    page = await owner.browser.page("/heartbeats/new")
    form = Form(typed_on(page))
    assert (form.get("bot_id"), form.get("bot_name"), form.get("timezone")) == ("new", "My agent", "Asia/Tokyo")
    assert page.split('<datalist id="zones">')[1].startswith('<option value="Asia/Tokyo"><option value="UTC">')
    other = await owner.database.write(lambda c: a_bot(c, owner.project, name="Other"))
    last = await owner.database.write(lambda c: a_bot(c, owner.project, name="Last"))
    for bot in (other.uuid, last.uuid):
        page = await owner.browser.page(f"/heartbeats/new?bot={bot}")
        assert Form(typed_on(page)).get("bot_id") == bot
    owner.browser.cookies.set("heartbeat_zone", "<script>")
    assert Form(typed_on(await owner.browser.page("/heartbeats/new"))).get("timezone") == "UTC"


async def test_heartbeats_and_bots_of_others_are_out_of_reach(owner: Owner) -> None:
    def seed(connection: Connection) -> tuple[Heartbeat, Bot]:
        bot = a_bot(connection, a_project(connection, name="Theirs"), name="Their bot")
        return a_heartbeat(connection, bot), bot

    heartbeat, bot = await owner.database.write(seed)
    for path in (f"/heartbeats/{heartbeat.uuid}/edit", f"/heartbeats/{heartbeat.uuid}/delete"):
        assert (await owner.browser.get(path)).status_code == 404
    assert (await owner.browser.get(f"/heartbeats/new?from={heartbeat.uuid}")).status_code == 404
    assert "Their bot" not in await owner.browser.page("/heartbeats/new")
    answer = await send(owner, "/heartbeats/new", fields_of(owner, bot_id=bot.uuid))
    assert answer.status_code == 404
    assert 'id="bot_id-said" role="alert">There is no bot' in answer.text
    assert ("bot_id", bot.uuid) in typed_on(answer.text), "another bot would stand in its place"
    answer = await send(owner, "/heartbeats/new", fields_of(owner, member_id="mem_theirs"))
    assert answer.status_code == 404
    assert 'id="member_id-said" role="alert">There is no subscriber' in answer.text
    assert ("member_id", "mem_theirs") in typed_on(answer.text)
    assert (await owner.browser.submit(f"/heartbeats/{heartbeat.uuid}/delete")).status_code == 404


async def test_what_people_write_is_text_in_the_form_too(owner: Owner) -> None:
    evil = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)></textarea>"

    def seed(connection: Connection) -> Heartbeat:
        bot = a_bot(connection, owner.project, name=evil)
        connection.execute(
            insert(columns(Subscriber)).values(uuid="mem_x", bot_id=bot.id, name=evil, subscribed_at=bot.created_at)
        )
        return a_heartbeat(connection, bot, prompt=evil, label=evil, external_id=evil)

    heartbeat = await owner.database.write(seed)
    edit = f"/heartbeats/{heartbeat.uuid}/edit"
    refused = await send(owner, edit, [("prompt", evil), ("frequency", evil), ("timezone", evil), ("loaded", evil)])
    for page in [
        await owner.browser.page(edit),
        await owner.browser.page("/heartbeats/new"),
        await owner.browser.page(f"/heartbeats/new?from={heartbeat.uuid}"),
        await owner.browser.page(f"/heartbeats/{heartbeat.uuid}/delete"),
        refused.text,
    ]:
        assert str(escape(evil)) in page
        assert "alert('x')" not in page
        assert "<img" not in page
        assert not re.search(r'<script(?! (type="module" )?src="/)', page)
    assert (
        "alert('x')" not in (await send(owner, "/heartbeats/outlook", [("timezone", evil), ("frequency", evil)])).text
    )
