"""What the pages show."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any, get_args

from sqlalchemy import Connection, update

from api.dashboard.views import formats
from api.next_ticks import next_tick
from heartbeat.domain import credits
from heartbeat.domain.contracts import RunStatus, SkipReason, Trigger
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import DailyRollup, Entry, Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Attempt, Step
from tests.support.dashboard import STILL, Owner, a_run, rows_of
from tests.support.seeds import YEARLY, a_heartbeat


async def test_the_first_page_lists_every_heartbeat_of_every_bot(owner: Owner) -> None:
    page = await owner.browser.page("/")
    assert owner.heartbeat.prompt in page
    assert owner.bot.name in page
    assert next_tick(cadence_of(owner.heartbeat)).schedule in page
    assert f"href=/heartbeats/{owner.heartbeat.uuid}>" in page
    assert '<p class="big">1</p><p class="muted">0 off</p>' in page


async def test_each_state_has_its_word_and_its_way_on(owner: Owner) -> None:
    paused = {
        "enabled": False,
        "pause_reason": "errors",
        "pause_detail": "Failed 5 times. Mend it, then enable again.",
    }
    await owner.add(prompt="paused one", **paused, error_count=5, last_status="error")
    await owner.add(prompt="off one", enabled=False, synced_version=1)
    await owner.add(prompt="pending one", synced_version=0)
    await owner.add(prompt="failing one", synced_version=1, error_count=2, last_status="error")
    page = await owner.browser.page("/")
    [mine] = [row for row in rows_of(page) if "paused one" in row]
    assert "Paused" in mine
    assert "Mend it, then enable again." in page
    for name, word in (("off one", "Off"), ("pending one", "Pending"), ("failing one", "2 of 5 errors in a row")):
        [mine] = [row for row in rows_of(page) if name in row]
        assert f">{word}<" in mine
    assert "<title>(1) Heartbeats" in page
    assert page.index("paused one") < page.index("failing one") < page.index("off one")


async def test_the_next_run_is_in_the_heartbeats_own_zone(owner: Owner) -> None:
    await owner.add(prompt="in Kolkata", cron_pattern="30 9 * * *", timezone="Asia/Kolkata")
    [mine] = [row for row in rows_of(await owner.browser.page("/")) if "in Kolkata" in row]
    assert ", 09:30</time>" in mine
    assert "</time> IST<" in mine
    assert "datetime=" in mine
    assert "T04:00:00Z" in mine


async def test_the_numbers_at_the_top_come_from_counters(owner: Owner) -> None:
    now = datetime.now(UTC)
    start, _ = credits.period(now)
    other = await owner.database.write(lambda c: a_heartbeat(c, owner.bot, prompt="runs now", synced_version=1))
    await owner.run(status="running", heartbeat_id=other.id, finished_at=None, duration_ms=None, started_at=now)

    def seed(connection):
        day = {"bot_id": owner.bot.id, "day": f"{now:%Y-%m-%d}", "type": "heartbeat"}
        counts = {"success": 1201, "error": 3, "skipped": 7, "cancelled": 1}
        connection.execute(columns(DailyRollup).insert().values(**day, **counts, duration_ms=0, tokens=0, credits=0))
        connection.execute(
            columns(Usage).insert().values(project_id=owner.project.id, period_start=start, credits=4321)
        )

    await owner.database.write(seed)
    page = await owner.browser.page("/")
    assert '<h2>Runs today</h2><p class="big">1,205</p>' in page
    assert "3 errors" in page
    assert "7 skipped" in page
    assert '<p class="big">4,321</p>' in page
    assert '<h2>Running now</h2><p class="big">1<' in page
    [mine] = [row for row in rows_of(page) if "runs now" in row]
    assert 'class="chip running"' in mine


async def test_credits_and_budget_are_of_this_period_alone(owner: Owner) -> None:
    start, _ = credits.period(datetime.now(UTC))
    await owner.add(prompt="spends now", credit_budget=100, period_credits=85, period_start=start)
    before = start - timedelta(days=3)
    await owner.add(prompt="spent before", credit_budget=100, period_credits=99, period_start=before)
    rows = rows_of(await owner.browser.page("/"))
    [now] = [row for row in rows if "spends now" in row]
    [then] = [row for row in rows if "spent before" in row]
    assert ">85 <small>of 100</small>" in now
    assert "<progress class=high " in now
    assert ">0 <small>of 100</small>" in then


async def test_the_first_steps_of_an_empty_project_can_be_taken_as_they_are_printed(owner: Owner) -> None:
    async def take(printed: str, **change: str) -> dict[str, Any]:
        """Do what a line on the page says."""
        [path] = re.findall(r"curl http://dash\.test(/\S+)", printed)
        [body] = re.findall(r"--json '(.*?)'", printed, re.DOTALL)
        headers = {"authorization": f"Bearer {owner.key}"}
        answer = await owner.browser.post(path, json=json.loads(body) | change, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def clear(connection: Connection) -> None:
        for table in (Heartbeat, Bot):
            connection.execute(update(columns(table)).values(deleted_at=datetime.now(UTC)))

    await owner.database.write(clear)
    page = await owner.browser.page("/")
    assert "No heartbeats yet" in page
    first, second = re.findall(r"<code>(curl.*?)</code>", unescape(page), re.DOTALL)
    bot = (await take(first))["bot"]
    page = await owner.browser.page("/")
    [only] = re.findall(r"<code>(curl.*?)</code>", unescape(page), re.DOTALL)
    assert only == second.replace("bot_…", bot["uuid"])
    heartbeat = (await take(only, cron_pattern=YEARLY))["heartbeat"]
    assert heartbeat["uuid"] in await owner.browser.page("/")
    await owner.temporal.get_schedule_handle(heartbeat["uuid"]).delete()


async def test_long_lists_of_heartbeats_have_pages(owner: Owner) -> None:
    def seed(connection):
        for number in range(60):
            a_heartbeat(connection, owner.bot, prompt=f"Heartbeat number {number}.", cron_pattern=YEARLY)

    await owner.database.write(seed)
    first, second = await owner.browser.page("/"), await owner.browser.page("/?page=2")
    assert first.count("class=title") == 50
    assert second.count("class=title") == 11
    assert "Page 1 of 2" in first
    assert "Heartbeat number 59." in second
    assert 'data-refresh="/?page=2"' in second


async def test_runs_are_newest_first_and_paged(owner: Owner) -> None:
    began = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)

    def seed(connection):
        for number in range(45):
            a_run(
                connection, owner.heartbeat, response=f"Answer {number:03}", started_at=began + timedelta(days=number)
            )
        connection.execute(
            update(columns(Heartbeat)).where(columns(Heartbeat).c.id == owner.heartbeat.id).values(success_count=45)
        )

    await owner.database.write(seed)
    path = f"/heartbeats/{owner.heartbeat.uuid}"
    first = await owner.browser.page(path)
    assert first.index("Answer 044") < first.index("Answer 025")
    assert "Answer 024" not in first
    assert f'href="{path}?page=2"' in first
    last = await owner.browser.page(f"{path}?page=3")
    assert "Answer 000" in last
    assert "Page 3 of 3" in last
    assert "There is nothing on this page" in await owner.browser.page(f"{path}?page=9")
    for odd in ("0", "-1", "x", "", "²", "9" * 30):
        assert "Answer 044" in await owner.browser.page(f"{path}?page={odd}")


async def test_a_run_shows_what_became_of_it(owner: Owner) -> None:
    due = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    run = await owner.run(
        trigger="schedule",
        scheduled_for=due,
        started_at=due + timedelta(seconds=2),
        response="Two tickets wait.\n  Both are old.",
        tokens_used=1250,
        credits_charged=2,
        duration_ms=61_000,
    )
    step = {"number": 1, "kind": "think", "answer": "", "messages": "[]", "final": True, "model": "openai:scripted"}
    spent = {"input_tokens": 1000, "output_tokens": 250, "duration_ms": 900, "created_at": due}
    await owner.database.write(lambda c: c.execute(columns(Step).insert().values(run_id=run.id, **step, **spent)))
    page = await owner.browser.page(f"/runs/{run.uuid}")
    for text in (
        "Two tickets wait.\n  Both are old.",
        "1 min 1 s",
        "1,250",
        "1,000",
        "09:00:02",
        "2.0 s after it was due",
        owner.heartbeat.prompt,
    ):
        assert text in page
    url = f"/namespaces/default/workflows/{run.workflow_id}/{run.workflow_run_id}/history"
    assert url in page
    listed = await owner.browser.page(f"/heartbeats/{owner.heartbeat.uuid}")
    assert url not in listed, "a log is counted before it is listed"


async def test_a_run_shows_its_tool_calls_and_its_real_cost(owner: Owner) -> None:
    run = await owner.run(status="running", credits_charged=2, cost_nano_usd=1_234_000, **STILL)
    thought = {"kind": "model", "state": "done", "model": "openai:scripted", "input_tokens": 1000, "output_tokens": 250}
    call = {"kind": "tool", "model": "", "input_tokens": 0, "output_tokens": 0, "name": "desk__find"}
    steps = [
        {**thought, "number": 1},
        {**call, "number": 2, "state": "done", "arguments": '{"queue": "<new>"}', "answer": "3 tickets\nwait"},
        {**call, "number": 3, "state": "done", "arguments": "{}", "answer": "", "failure_code": "failed"},
        {**call, "number": 4, "state": "called", "arguments": "{}", "answer": "", "progress": "2 of 9: <b>queues"},
    ]
    rest = {"messages": "[]", "final": False, "duration_ms": 900, "created_at": run.created_at, "run_id": run.id}
    nothing = {"name": None, "arguments": None, "answer": "", "failure_code": None, "progress": None}
    entry = {"project_id": owner.project.id, "run_id": run.id, "step": 1, "kind": "settle", "credits": 2}

    def seed(connection: Connection) -> None:
        connection.execute(columns(Step).insert(), [{**nothing, **step, **rest} for step in steps])
        sums = dict.fromkeys(("held", "granted", "absorbed", "tokens"), 0)
        when = {"period_start": run.created_at, "created_at": run.created_at}
        connection.execute(columns(Entry).insert().values(**entry, **sums, **when))

    await owner.database.write(seed)
    page = await owner.browser.page(f"/runs/{run.uuid}")
    assert "real cost $0.0012" in page
    assert '<p class="big">4</p><p class="muted">model requests and tool calls</p>' in page
    model, succeeded, failed, going = page.split('<div class="step">')[1:]
    assert "1,000 tokens read, 250 written, 2 credits" in model
    assert '<strong>desk: find</strong> <span class="muted">queue: &lt;new&gt;</span>' in succeeded
    assert '<span class="muted">→ 3 tickets wait</span>' in succeeded
    assert "tokens read" not in succeeded
    assert '<span class="bad">failed</span>' in failed
    assert '<span class="muted">being called: 2 of 9: &lt;b&gt;queues</span>' in going


async def test_a_run_shows_the_requests_that_came_to_nothing(owner: Owner) -> None:
    run = await owner.run(status="error", cut=True)
    page = await owner.browser.page(f"/runs/{run.uuid}")
    assert "Requests that came to nothing" not in page
    assert "It was cut off" in page
    request = {
        "run_id": run.id,
        "step": 1,
        "model": "openai:scripted",
        "cost_nano_usd": 0,
        "created_at": run.created_at,
    }
    used = {"input_tokens": 1100, "output_tokens": 250}
    rows = [
        {**request, **used, "attempt": 1, "outcome": "failed", "failure_code": "bad_answer", "provider_words": "<no>"},
        {**request, **used, "attempt": 2, "outcome": "lost", "failure_code": None, "provider_words": None},
        {**request, **used, "attempt": 3, "outcome": "answered", "failure_code": None, "provider_words": None},
    ]
    await owner.database.write(lambda c: c.execute(columns(Attempt).insert(), rows))
    page = await owner.browser.page(f"/runs/{run.uuid}")
    failed, lost = rows_of(page)
    assert 'class="what"><code>bad_answer</code><span class="muted">&lt;no&gt;</span>' in failed
    assert '<td data-label="Tokens read" class="right">1,100</td>' in failed
    assert "<code>lost with its worker</code>" in lost


ENDINGS = [
    ({"status": "error", "error_message": "The key was rejected."}, "The key was rejected."),
    ({"status": "skipped", "skip_reason": "overlap"}, "The run before it was still going."),
    ({"status": "skipped", "skip_reason": "missed"}, "It was due while nothing could run it."),
    ({"status": "skipped", "skip_reason": "budget"}, "The credit budget of the period was spent."),
    ({"status": "running", **STILL}, "It is still being made."),
    ({"status": "cancelled", "error_message": "The run was cancelled."}, "The run was cancelled"),
]


async def test_every_ending_is_said_in_words(owner: Owner) -> None:
    for ending, said in ENDINGS:
        run = await owner.run(**ending)
        page = await owner.browser.page(f"/runs/{run.uuid}")
        assert said in page
        assert f'class="chip {ending["status"]}">{ending["status"].capitalize()}<' in page


def test_every_reason_and_status_has_words() -> None:
    assert set(formats.SKIPPED) == set(get_args(SkipReason))
    assert set(formats.STATUS) == set(get_args(RunStatus))
    assert set(formats.TRIGGER) == set(get_args(Trigger))


async def test_a_run_of_a_deleted_heartbeat_can_still_be_read(owner: Owner) -> None:
    run = await owner.run(response="Still here.")
    await owner.database.write(lambda c: c.execute(update(columns(Heartbeat)).values(deleted_at=datetime.now(UTC))))
    page = await owner.browser.page(f"/runs/{run.uuid}")
    assert "Still here." in page
    assert "(deleted)" in page
    assert (await owner.browser.get(f"/heartbeats/{owner.heartbeat.uuid}")).status_code == 404
