"""The pages of a heartbeat's form: how it is filled, what it looks ahead to, and that nothing typed is lost."""

import re
from html import unescape

import pytest
from markupsafe import escape
from sqlalchemy import Connection, insert, update

from api.dashboard.expectation_form import PARTS as EXPECTED
from api.dashboard.forms import Form
from api.dashboard.gate_form import GATE_FIELDS
from api.dashboard.when_form import WHEN
from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.heartbeat_fields import HeartbeatFields
from heartbeat.gallery.templates import templates
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.bots import Bot, Subscriber
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tools.servers import create_tool
from tests.support.dashboard import SITE, Owner
from tests.support.heartbeat_form import fields_of, heartbeats_of, hidden_on, row_at, send, set_plan, typed_on
from tests.support.seeds import a_bot, a_heartbeat, a_project, access_to

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

BOT = columns(Bot)


async def test_every_field_of_the_api_has_its_control(owner: Owner) -> None:
    page = await owner.browser.page(f"/heartbeats/{owner.heartbeat.uuid}/edit")
    names = {name for name, _ in re.findall(r'name="(\w+)"( value|)', page)}
    assert set(GATE_FIELDS) <= names
    assert HeartbeatFields.model_fields.keys() - names == {"interval_minutes", "gate", "expect"}
    assert set(EXPECTED) <= names
    assert set(WHEN) - names == {"once_at", "ends"}
    ids = re.findall(r'<(?:input|select|textarea) id="(\w+)"', page)
    assert len(ids) == len(set(ids)) > 15
    assert all(f'<label for="{name}">' in page for name in ids)


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


async def test_a_report_is_required_of_a_new_heartbeat_whose_bot_has_tools(owner: Owner) -> None:
    server = {"server_label": "desk", "server_url": "http://127.0.0.1:9/", "transport": "http"}

    def connect(connection: Connection) -> None:
        create_tool(connection, access_to(connection, owner.bot), server, owner.bot.created_at)

    required = ("expect_report", "1")
    assert required not in typed_on(await owner.browser.page("/heartbeats/new"))
    await owner.database.write(connect)
    form = typed_on(await owner.browser.page("/heartbeats/new"))
    assert required in form
    made = await send(owner, "/heartbeats/new", Form(form).replaced([("prompt", "Look.")]).fields)
    assert (await row_at(owner, made)).expect == {"report": "required"}
    page = await owner.browser.page(f"/heartbeats/new?from={owner.heartbeat.uuid}")
    assert required not in typed_on(page)


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
