"""What the pages show of approvals, findings, tasks and messages, and what of rehearsals and first messages."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import get_args

import pytest

from api.dashboard.views import formats
from api.dashboard.views.approvals import arguments
from api.dashboard.views.notifications import SECRET, where_to
from api.schemas import approvals as approval_schemas
from api.schemas import notifications as notification_schemas
from api.schemas import tasks as task_schemas
from heartbeat.notifications.channels.registry import CHANNELS
from heartbeat.store.notifications.findings import State
from tests.support.dashboard import STILL, Owner, a_run, make, rows_of
from tests.support.pending_rows import a_call, a_finding, a_message, a_target, a_task, an_approval
from tests.support.seeds import a_bot, a_heartbeat, a_project

HOUR = timedelta(hours=1)


def text_of(part: str) -> str:
    """The words of a piece of HTML."""
    plain, inside = [], False
    for letter in part:
        if letter in "<>":
            inside = letter == "<"
            plain.append(" ")
        elif not inside:
            plain.append(letter)
    return " ".join(unescape("".join(plain)).split())


async def test_a_call_that_waits_is_shown_in_words_with_two_buttons(owner: Owner) -> None:
    run = await owner.run(status="running", **STILL)
    now = datetime.now(UTC)
    arguments = '{"to": "anna@example.com", "lines": ["one", "two"], "ticket": {"id": 7}, "urgent": true, "cc": null}'
    approval = await make(
        owner, an_approval, run, arguments=arguments, expires_at=now + 3 * HOUR + HOUR / 60, why="It says so."
    )
    page = await owner.browser.page("/approvals")
    shown = text_of(page)
    assert "<title>(1) Approvals" in page
    assert "May it call desk: book ?" in shown
    assert "to anna@example.com lines one, two ticket id: 7 urgent yes cc nothing" in shown
    assert "Why you are asked: It says so." in shown
    assert "Without an answer it is denied in 3 h" in shown
    assert f'href="/runs/{run.uuid}"' in page
    assert f'href="/heartbeats/{owner.heartbeat.uuid}"' in page
    assert f'action="/approvals/{approval.uuid}/decide"' in page
    assert 'value="approve">Approve</button>' in page
    assert 'value="deny">Deny</button>' in page
    assert "{&#34;" not in page


async def test_every_page_says_how_much_waits(owner: Owner) -> None:
    assert 'class="badge' not in await owner.browser.page("/")
    run = await owner.run(status="running", **STILL)
    await make(owner, an_approval, run)
    await make(owner, an_approval, run, step=3, expires_at=datetime.now(UTC) - HOUR)
    await make(owner, an_approval, run, step=4, state="denied")
    for state in get_args(State):
        await make(owner, a_finding, state=state)
    await make(owner, a_finding)
    task = await make(owner, a_task)
    for path in (
        "/",
        "/approvals",
        "/findings",
        "/tasks",
        f"/tasks/{task.uuid}",
        "/notifications",
        f"/runs/{run.uuid}",
    ):
        page = await owner.browser.page(path)
        assert 'class="badge urgent">1<span class="unseen"> waiting for you</span>' in page
        assert 'class="badge">2<span class="unseen"> open</span>' in page


async def test_what_was_decided_is_below_what_waits(owner: Owner) -> None:
    run, now = await owner.run(status="running", **STILL), datetime.now(UTC)
    await make(owner, an_approval, run, tool="desk__waits")
    decided = {"decided_by": "the link of a message", "decided_at": now - 2 * HOUR}
    await make(owner, an_approval, run, step=3, tool="desk__allowed", state="approved", **decided)
    await make(owner, an_approval, run, step=4, tool="desk__refused", state="denied", **decided)
    await make(owner, an_approval, run, step=5, tool="desk__slept", expires_at=now - HOUR)
    page = await owner.browser.page("/approvals")
    assert page.count("<article") == 1
    slept, refused, allowed = rows_of(page)
    assert "desk: slept" in slept
    assert "Expired" in slept
    assert "nobody answered in time" in slept
    assert "Denied" in refused
    assert "Approved" in allowed
    assert "the link of a message" in allowed
    assert page.index("desk: waits") < page.index("desk: slept")


async def test_the_approval_is_on_its_runs_page_and_in_the_list_of_runs(owner: Owner) -> None:
    run = await owner.run(status="running", **STILL)
    await make(owner, a_call, run)
    approval = await make(owner, an_approval, run)
    page = await owner.browser.page(f"/runs/{run.uuid}")
    assert f'action="/approvals/{approval.uuid}/decide"' in page
    assert 'name="back" value="run"' in page
    assert "Waits for your approval" in page
    assert "Waits for your approval" in await owner.browser.page(f"/heartbeats/{owner.heartbeat.uuid}")


async def test_findings_have_their_buttons_and_the_worst_is_first(owner: Owner) -> None:
    later = datetime.now(UTC)
    await make(owner, a_finding, title="A small thing", severity="info", last_seen_at=later, times_seen=1)
    worst = await make(owner, a_finding, title="Water in the cellar", severity="critical", detail="The pump is off.")
    await make(owner, a_finding, title="Known already", state="acknowledged")
    await make(owner, a_finding, title="Not now", state="snoozed", snoozed_until=later + 20 * HOUR)
    page = await owner.browser.page("/findings")
    shown = text_of(page)
    order = [
        shown.index(title) for title in ("Water in the cellar", "A small thing", "Acknowledged, snoozed", "Not now")
    ]
    assert order == sorted(order)
    assert "The pump is off." in shown
    assert "seen 3 times" in shown
    assert "seen once" in shown
    assert f'href="/heartbeats/{owner.heartbeat.uuid}"' in page
    [form] = [part.split("</form>")[0] for part in page.split("<form") if f'/findings/{worst.uuid}"' in part]
    assert [part.split('"')[0] for part in form.split('name="say" value="')[1:]] == [
        "acknowledge",
        "day",
        "week",
        "resolve",
    ]
    theirs = await owner.browser.page(f"/heartbeats/{owner.heartbeat.uuid}")
    assert "Water in the cellar" in theirs
    assert "Known already" not in theirs


async def test_many_findings_have_pages(owner: Owner) -> None:
    for number in range(21):
        await make(owner, a_finding, title=f"Number {number:02}.", last_seen_at=datetime.now(UTC) + number * HOUR)
    first, second = await owner.browser.page("/findings"), await owner.browser.page("/findings?page=2")
    assert "Number 20." in first
    assert "Number 00." not in first
    assert "Number 00." in second
    assert 'data-refresh="/findings?page=2"' in second


async def test_tasks_say_when_how_often_and_who_made_them(owner: Owner) -> None:
    maker = await owner.run()
    tomorrow = datetime.now(UTC) + 24 * HOUR
    columns = {"made_by_run_id": maker.id, "depth": 1, "success_count": 1, "last_status": "success"}
    await make(owner, a_task, label="By an agent", **columns)
    await make(owner, a_task, label="By a person", run_at=tomorrow, cron_pattern=None, max_executions=1)
    paused = {"enabled": False, "pause_reason": "errors", "pause_detail": "No answer.", "probe_at": tomorrow}
    await make(owner, a_task, label="A failing one", max_executions=None, **paused)
    await make(owner, a_task, label="The old one", enabled=False, deleted_at=tomorrow, ended_as="done")
    page = await owner.browser.page("/tasks")
    _, failing, _, person, agent, _, old = ["", *rows_of(page)]
    assert "2 of 3" in agent
    assert f'made by <a href="/runs/{maker.uuid}">a run</a>' in agent
    assert "At 00:00, on January 1, UTC" in agent
    assert "made by a person" in person
    assert "1 of 1" in person
    assert "Once, on" in person
    assert "in 23 h" in text_of(person)
    assert "no limit" in failing
    assert "one try" in failing
    assert "No answer." in page
    assert "Done" in old
    assert "By an agent" not in await owner.browser.page("/")


async def test_a_task_and_its_runs_lead_to_each_other(owner: Owner) -> None:
    task = await make(owner, a_task, description="Until they answer.", success_count=1)
    run = await make(owner, a_run, task, type="scheduled_task", response="They will answer tomorrow.")
    page = await owner.browser.page(f"/tasks/{task.uuid}")
    for text in ("Until they answer.", "They will answer tomorrow.", f'href="/runs/{run.uuid}"', task.prompt):
        assert text in page
    assert f'action="/tasks/{task.uuid}/cancel"' in page
    assert f'<a href="/tasks/{task.uuid}">Chase the supplier</a>' in await owner.browser.page(f"/runs/{run.uuid}")
    for path in (f"/heartbeats/{task.uuid}", f"/tasks/{owner.heartbeat.uuid}", "/tasks/task_nope"):
        assert (await owner.browser.get(path)).status_code == 404


async def test_a_task_that_has_ended_keeps_its_page(owner: Owner) -> None:
    task = await make(owner, a_task, enabled=False, deleted_at=datetime.now(UTC), ended_as="done")
    run = await make(owner, a_run, task, type="scheduled_task")
    page = await owner.browser.page(f"/tasks/{task.uuid}")
    assert ">Done<" in page
    assert "/cancel" not in page
    assert f'href="/tasks/{task.uuid}"' in await owner.browser.page(f"/runs/{run.uuid}")
    gone = await make(owner, a_task, enabled=False, deleted_at=datetime.now(UTC))
    assert (await owner.browser.get(f"/tasks/{gone.uuid}")).status_code == 404


async def test_messages_tell_what_became_of_them_and_no_secret(owner: Owner) -> None:
    now = datetime.now(UTC)
    pager = await make(owner, a_target, sealed_config="sealed-and-not-for-eyes")
    off = {"is_enabled": False, "disabled_reason": "It answered 410."}
    await make(owner, a_target, channel="slack", name="#support", config={}, events=["run.finding"], **off)
    lost = {"status": "failed", "attempts": 10, "last_error": "It answered 500.", "delivered_at": None}
    await make(owner, a_message, owner.heartbeat, pager, **lost)
    await make(owner, a_message, owner.heartbeat, pager, attempts=2, lost_attempts=1, delivered_at=now - HOUR)
    later = {"status": "pending", "attempts": 3, "last_error": "Nobody listens.", "next_attempt_at": now + 2 * HOUR}
    await make(owner, a_message, owner.heartbeat, pager, delivered_at=None, **later)
    asks = {"approval": "apr_1", "tool": "desk__book", "expires_at": now.isoformat()}
    held = {"status": "held", "attempts": 0, "delivered_at": None, "next_attempt_at": now + HOUR}
    await make(owner, a_message, owner.heartbeat, pager, kind="approval.requested", data=asks, **held)
    page = await owner.browser.page("/notifications")
    rows = [text_of(row) for row in rows_of(page)]
    assert rows[0].endswith(
        "The pager Webhook: pager.example/in/7 Enabled Everything of the whole project Send a test Switch off"
    )
    assert rows[1].endswith("The last error: Nobody listens.")
    assert "Slack: an address that is kept secret Disabled Findings" in rows[2]
    assert rows[3].endswith("Switched off: It answered 410.")
    assert "waits for your approval It asks to call desk: book." in rows[5]
    assert "Held for a summary, in 59 min" in rows[5]
    assert "On its way 3 attempts so far, the next in 1 h 59 min" in rows[6]
    assert rows[7].endswith("Nobody listens.")
    assert "Delivered 1 h ago, at attempt 2; of 1 attempt nobody knows whether it arrived" in rows[8]
    assert "Failed given up after 10 attempts" in rows[9]
    assert rows[10].endswith("It answered 500.")
    assert "hush" not in page
    assert "sealed-and-not" not in page


async def test_a_heartbeat_leads_to_its_own_messages(owner: Owner) -> None:
    other = await owner.add(prompt="another one", label="Another")
    pager = await make(owner, a_target)
    await make(owner, a_message, owner.heartbeat, pager)
    for _ in range(21):
        await make(owner, a_message, other, pager)
    link = f"/notifications?heartbeat={other.uuid}"
    assert f'href="{link}"' in await owner.browser.page(f"/heartbeats/{other.uuid}")
    page = await owner.browser.page(link)
    assert page.count("Another failed") == 20
    assert f"{owner.bot.name} failed" not in page
    [older] = re.findall(rf'href="{re.escape(link)}&amp;(before=\d+)"', page)
    rest = await owner.browser.page(f"{link}&{older}")
    assert (rest.count("Another failed"), f'href="{link}">← Newest' in rest) == (1, True)
    assert (await owner.browser.get("/notifications?heartbeat=hb_nope")).status_code == 404


async def test_messages_of_all_bots_come_newest_first_page_by_page(owner: Owner) -> None:
    second = await owner.database.write(lambda c: a_heartbeat(c, a_bot(c, owner.project, name="Second")))
    others = await owner.database.write(lambda c: a_heartbeat(c, a_bot(c, a_project(c, name="Else"), name="Stranger")))
    pager = await make(owner, a_target)
    for number in range(42):
        source = (owner.heartbeat, second, others)[number % 3]
        await make(owner, a_message, source, pager, kind="run.failed", data={"message": f"Number {number}."})
    address, pages = "/notifications", []
    while address:
        page = await owner.browser.page(address)
        pages.append([int(number) for number in re.findall(r"Number (\d+)\.", page)])
        [address] = re.findall(r'href="(/notifications\?before=\d+)" rel="next"', page) or [""]
    mine = [number for number in range(41, -1, -1) if number % 3 < 2]
    assert pages == [mine[:20], mine[20:]]
    assert "There is nothing on this page." in await owner.browser.page("/notifications?before=0")


async def test_a_run_shows_its_first_message_folded_and_what_it_reported(owner: Owner) -> None:
    opening = "It is Friday, 20 November 2026, 12:00 (UTC).\n\nOpen findings:\n- critical: Water [water]"
    finding = {"severity": "critical", "title": "Water in the cellar", "detail": "It rises.", "fingerprint": "water"}
    report = {"outcome": "failed", "summary": "Half of it.", "findings": [finding]}
    run = await owner.run(opening=opening, report=report, prompt="Look at the cellar.")
    page = await owner.browser.page(f"/runs/{run.uuid}")
    [folded] = [part.split("</details>")[0] for part in page.split('<details id="opening"')[1:]]
    assert folded.startswith(">")
    assert f"{opening}\n\nYour task:\nLook at the cellar." in unescape(folded)
    shown = text_of(page)
    assert "What it reported Failed : Half of it. Critical Water in the cellar It rises." in shown
    assert '<details id="opening"' not in await owner.browser.page(f"/runs/{(await owner.run()).uuid}")


async def test_a_rehearsal_is_labelled_and_says_what_it_would_have_done(owner: Owner) -> None:
    await make(owner, a_target)
    finding = {"severity": "info", "title": "A small thing", "fingerprint": "small"}
    run = await owner.run(dry_run=True, report={"outcome": "ok", "summary": "Fine.", "findings": [finding]})
    await make(owner, a_call, run, state="done", failure_code="rehearsed", arguments='{"what": "a castle"}')
    await make(owner, a_call, run, number=3, state="done", name="desk__send", failure_code="would_ask")
    page = await owner.browser.page(f"/runs/{run.uuid}")
    shown = text_of(page)
    assert "Rehearsal of" in shown
    assert "no tool acts, nobody is told" in shown
    assert (
        "What it would have done Call desk: book what a castle Call desk: send A person would have been asked" in shown
    )
    assert "Webhook The pager (findings)" in shown
    assert "written down, not called" in shown
    listed = await owner.browser.page(f"/heartbeats/{owner.heartbeat.uuid}")
    [row] = [row for row in rows_of(listed) if run.uuid in row]
    assert "Rehearsal" in row
    assert listed.index("<h2>Rehearsals</h2>") < listed.index(run.uuid)


async def test_a_rehearsal_that_runs_now_is_no_run(owner: Owner) -> None:
    await owner.run(dry_run=True, status="running", **STILL)
    page = await owner.browser.page("/")
    assert '<h2>Running now</h2><p class="big">0<' in page
    assert ">Rehearsing</a>" in page


async def test_a_heartbeat_that_heals_says_when_it_is_tried_again(owner: Owner) -> None:
    paused = {"enabled": False, "pause_reason": "errors", "pause_detail": "Failed. It is tried again."}
    row = await owner.add(prompt="heals", probe_at=datetime.now(UTC) + HOUR / 2, **paused)
    page = await owner.browser.page(f"/heartbeats/{row.uuid}")
    assert "Next try in 29 min one try" in text_of(page)
    [line] = [line for line in rows_of(await owner.browser.page("/")) if "heals" in line]
    assert "in 29 min" in text_of(line)


@pytest.mark.parametrize(
    ("config", "shown"),
    [
        ({"url": "https://user:hush@pager.example:8443/in/7/?token=hush#hush"}, "pager.example:8443/in/7"),
        ({"host": "smtp.example", "to": "anna@example.com"}, "anna@example.com"),
        ({"chat_id": "@desk", "api_url": "https://api.telegram.org"}, "chat @desk"),
        ({"server": "https://ntfy.sh"}, "ntfy.sh"),
        ({"name": "pager"}, "the operator's pager"),
        ({}, SECRET),
    ],
)
def test_where_a_target_leads(config: dict[str, str], shown: str) -> None:
    assert where_to(config) == shown


def test_arguments_are_words() -> None:
    assert arguments("no JSON") == [("", "no JSON")]
    assert arguments(None) == []
    assert arguments({"a": [], "b": [[1]], "c": 1.5}) == [("a", "[]"), ("b", "[\n  [\n    1\n  ]\n]"), ("c", "1.5")]


def test_every_state_has_words() -> None:
    assert set(formats.APPROVAL) == set(get_args(approval_schemas.State))
    assert set(formats.FINDING) == set(get_args(State))
    assert set(formats.TASK) == set(get_args(task_schemas.Status))
    assert set(formats.DELIVERY) == set(get_args(notification_schemas.Status))
    assert set(formats.EVENT) == set(get_args(notification_schemas.Kind))
    assert set(formats.CHANNEL) == set(CHANNELS)
