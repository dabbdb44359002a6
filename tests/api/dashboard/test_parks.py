"""Runs that wait for credits, on the pages, behind the link of a message and over the API."""

import contextlib
import json
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

import worker
from heartbeat.domain.contracts import RunResult
from heartbeat.domain.secret_keys import new_key
from heartbeat.secrets.keyring import Keyring
from heartbeat.settings import Settings
from heartbeat.store.database.rows import columns, first
from heartbeat.store.runs.approvals import sealed_as
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Approval, Run
from tests.support.audit_entries import deeds
from tests.support.dashboard import STILL, Owner, make
from tests.support.model_server import ModelServer, asks, says
from tests.support.patience import until
from tests.support.pending_rows import a_park
from tests.support.world import World

REPORT = ("report", {"outcome": "nothing_to_report"})


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"secret_keys": SecretStr(new_key())})


async def row_of(owner: Owner, table: Any, uuid: str) -> Any:
    row = columns(table)
    return await owner.database.read(lambda c: first(c, table, select(row).where(row.c.uuid == uuid)))


async def parked_run(owner: Owner) -> tuple[Run, Approval]:
    run = await owner.run(status="running", **STILL)
    return run, await make(owner, a_park, run)


async def test_pages_show_what_is_short_and_how_many_more_to_give(owner: Owner) -> None:
    run, _ = await parked_run(owner)
    owned = ("/approvals", f"/runs/{run.uuid}")
    for path in owned:
        page = await owner.browser.page(path)
        assert "It waits for credits" in page
        assert "2 of the 8 that this run may use are left" in page
        assert 'name="credits" type="number" inputmode="numeric" min="3" max="2000000000" value="4"' in page
        assert "They are for this run alone, beyond its cap." in page
        assert "4 credits are" not in page
    for path in ("/runs", f"/heartbeats/{owner.heartbeat.uuid}"):
        page = await owner.browser.page(path)
        assert "Waits for credits" in page
        assert "Waits for your approval" not in page
    owner.settings.currency_per_credit = "0.25 USD"
    for path in owned:
        assert "4 credits are $1.00." in await owner.browser.page(path)
    [listed] = await pending(owner)
    assert (listed["credits"], listed["price"]) == (4, "1 USD")


GIVEN = [("approve", "9", "given", 9), ("approve", "", "given", 4), ("deny", "9", "ended", 0)]


@pytest.mark.parametrize(("decision", "typed", "done", "granted"), GIVEN)
async def test_a_button_gives_what_is_typed_or_ends_it(
    owner: Owner, decision: str, typed: str, done: str, granted: int
) -> None:
    run, approval = await parked_run(owner)
    path = f"/approvals/{approval.uuid}/decide"
    answer = await owner.browser.submit(path, decision=decision, credits=typed, back="run")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{run.uuid}?done={done}")
    assert (await row_of(owner, Run, run.uuid)).credits_granted == granted
    page = await owner.browser.page(answer.headers["location"])
    assert ("You gave it more credits" if granted else "You ended the run") in page


async def test_too_few_credits_and_no_number_give_nothing(owner: Owner) -> None:
    run, approval = await parked_run(owner)
    path = f"/approvals/{approval.uuid}/decide"
    for typed in ("2", "0", "-1", "many", "1.5"):
        assert (await owner.browser.submit(path, decision="approve", credits=typed)).status_code == 400
    assert (await row_of(owner, Approval, approval.uuid)).state == "pending"
    assert (await row_of(owner, Run, run.uuid)).credits_granted == 0


async def test_the_link_of_a_message_gives_credits_and_looking_at_it_does_not(owner: Owner) -> None:
    run, approval = await parked_run(owner)
    token = Keyring.from_settings(owner.settings).seal("", sealed_as(approval.uuid))
    page = await owner.browser.page(f"/approvals/{approval.uuid}?token={token}")
    assert "waits for credits" in page
    assert 'name="credits"' in page
    assert (await row_of(owner, Approval, approval.uuid)).state == "pending"
    answer = await owner.browser.submit(f"/approvals/{approval.uuid}", token=token, decision="approve", credits="5")
    assert answer.status_code == 200
    assert (await row_of(owner, Run, run.uuid)).credits_granted == 5
    assert (await owner.browser.submit(f"/approvals/{approval.uuid}", token="x", decision="deny")).status_code == 403
    assert ("link", "approval.decide") in await deeds(owner.database, owner.project.id)


OWNERS = [
    ("bot", "They are for the bot, beyond its budget of this period."),
    ("project", "They are for the project, beyond its budget of this period."),
]


@pytest.mark.parametrize(("short_of", "gives"), OWNERS)
async def test_what_a_bot_or_a_project_is_short_of_is_given(owner: Owner, short_of: str, gives: str) -> None:
    need = json.dumps({"of": short_of, "needed": 5, "missing": 3, "until": None})
    run = await owner.run(status="running", **STILL)
    linked = await make(owner, a_park, run, arguments=need)
    token = Keyring.from_settings(owner.settings).seal("", sealed_as(linked.uuid))
    page = await owner.browser.page(f"/approvals/{linked.uuid}?token={token}")
    assert gives in page
    assert 'name="credits"' in page
    assert gives in await owner.browser.page("/approvals")
    await owner.browser.submit(f"/approvals/{linked.uuid}", token=token, decision="approve", credits="5")
    over_api = await make(owner, a_park, run, arguments=need, step=4)
    await api(owner, "POST", "approval/decide", approval_id=over_api.uuid, decision="approve")
    await owner.database.write(lambda c: c.execute(update(columns(Project)).values(credit_budget=100)))
    await owner.database.write(lambda c: c.execute(update(columns(Bot)).values(credit_budget=100)))
    sums = (await api(owner, "GET", "../project/credits", bot_id=""))["credits"]
    is_project = short_of == "project"
    assert (sums["budget_granted"], sums["available"] - sums["credit_budget"]) == ((9, 9) if is_project else (0, 0))
    assert ("9 given beyond it" in await owner.browser.page("/credits")) is is_project
    row = await row_of(owner, Bot, owner.bot.uuid)
    assert row.period_granted == (0 if is_project else 9)
    assert ("of 109" in await owner.browser.page(f"/bots/{row.uuid}")) is not is_project


async def test_the_api_lists_it_decides_it_and_a_configure_lets_it_go_on(owner: Owner) -> None:
    with contextlib.closing(ModelServer()) as model:
        model.script(asks(REPORT, input_tokens=900_000), says("Done."))
        settings = owner.settings.model_copy(update={"openai_base_url": model.base_url})
        world = World(owner.database, owner.temporal, settings, owner.project, owner.bot, owner.heartbeat)
        cap = update(columns(Heartbeat)).values(max_credits_per_run=50)
        await owner.database.write(lambda c: c.execute(cap))
        async with worker.running_worker(owner.temporal, owner.database, settings):
            for change in ({"decision": "approve", "credits": 2000}, {"max_credits_per_run": None}):
                handle = await world.start()
                listed = await until(lambda: pending(owner), bool)
                assert (listed[0]["tool"], listed[0]["reason"], listed[0]["step"]) == (None, "budget", 3)
                assert listed[0]["arguments"]["of"] == "run"
                log = await api(owner, "GET", "heartbeat/logs", status="running")
                assert log["logs"][0]["waiting"] == "budget"
                if "decision" in change:
                    await api(owner, "POST", "approval/decide", approval_id=listed[0]["uuid"], **change)
                else:
                    named = {"uuid": owner.heartbeat.uuid, "prompt": owner.heartbeat.prompt}
                    await api(owner, "POST", "heartbeat/configure", **named, **change)
                assert (await handle.result()) == RunResult("success", listed[0]["log_id"])
                model.script(asks(REPORT, input_tokens=900_000), says("Done."))
    log = await api(owner, "GET", "heartbeat/logs")
    assert [one["waiting"] for one in log["logs"]] == [None, None]


async def pending(owner: Owner) -> list[dict[str, Any]]:
    return (await api(owner, "GET", "approval/readall", state="pending"))["approvals"]


async def api(owner: Owner, method: str, path: str, **fields: Any) -> Any:
    fields = {"project_id": owner.project.uuid, "bot_id": owner.bot.uuid, **fields}
    where = {"params": fields} if method == "GET" else {"json": fields}
    headers = {"authorization": f"Bearer {owner.key}"}
    answer = await owner.browser.request(method, f"/v1/bot/{path}", headers=headers, **where)
    assert answer.is_success, answer.text
    return answer.json()
