"""The page of one run: its answer, its steps as a tree, what it told whom; live while it goes, and raw."""

import asyncio
import json
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, update

from api import run_stream
from api.dashboard.views.run_steps import RunTimes, step_tree
from api.main import create_app
from api.schemas.runs import RunObject
from heartbeat.domain.trace_ids import trace_id
from heartbeat.store.database.rows import built, columns
from heartbeat.store.tables.projects import ApiKey
from heartbeat.store.tables.runs import Run, Step
from tests.support import past_runs
from tests.support.dashboard import STILL, Owner
from tests.support.patience import PATIENCE
from tests.support.pending_rows import a_call, a_message, a_target
from tests.support.seeds import NOW
from tests.support.serving import serving


async def test_the_answer_is_shown_as_markdown_and_as_it_was_written(owner: Owner) -> None:
    run = await owner.run(response="# Tickets\n\n- **two** wait\n- <b>one</b>")
    page = await owner.browser.page(f"/runs/{run.uuid}")
    assert "<h3>Tickets</h3>" in page
    assert "<li><strong>two</strong> wait</li>" in page
    assert "# Tickets\n\n- **two** wait\n- &lt;b&gt;one&lt;/b&gt;" in page
    assert "<b>one" not in page
    assert 'data-copies="answer"' in page
    assert 'src="/run.js?v=' in page
    long = await owner.run(response="# Long " + "x" * 40_000)
    page = await owner.browser.page(f"/runs/{long.uuid}")
    assert "# Long xxx" in page
    assert "As it was written" not in page


async def test_a_run_links_to_its_trace_where_the_operator_says_where_that_is(owner: Owner) -> None:
    run, skipped = await owner.run(), await owner.run(status="skipped", skip_reason="missed")
    assert "Trace" not in await owner.browser.page(f"/runs/{run.uuid}")
    owner.settings.trace_url = "https://tempo.example/trace/{trace_id}?from=heartbeat"
    link = f'href="https://tempo.example/trace/{trace_id(run.uuid)}?from=heartbeat"'
    assert link in await owner.browser.page(f"/runs/{run.uuid}")
    assert "tempo.example" not in await owner.browser.page(f"/runs/{skipped.uuid}")


async def test_a_run_says_who_started_and_who_cancelled_it(owner: Owner) -> None:
    who = {"triggered_by": "eve@example.com (the key CI)", "cancelled_by": "the key CI"}
    run = await owner.run(status="cancelled", error_message="The run was cancelled.", **who)
    page = await owner.browser.page(f"/runs/{run.uuid}")
    assert "by eve@example.com (the key CI)" in page
    assert "(by the key CI)" in page
    ended_before = await owner.run(status="success", **who)
    assert "(by the key CI)" not in await owner.browser.page(f"/runs/{ended_before.uuid}")


async def test_a_run_without_its_texts_says_so(owner: Owner) -> None:
    run = await owner.run(prompt="", response=None, emptied_at=NOW)
    page = await owner.browser.page(f"/runs/{run.uuid}")
    assert "The texts of this run were removed, for its plan does not keep them any longer." in page
    assert "There is none." not in page


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ({"report": "required"}, "A report"),
        ({"called": ["desk__close"]}, "desk__close"),
        ({"answer": {"matches": "^OK"}}, "^OK"),
        ({"answer": {"json_schema": {}}}, "JSON of a schema"),
    ],
)
async def test_each_thing_that_is_expected_may_be_the_only_one(owner: Owner, expect: dict[str, Any], said: str) -> None:
    run = await owner.run(status="error", error_code="unverified", expect=expect, expect_met=False)
    page = await owner.browser.page(f"/runs/{run.uuid}")
    assert said in page
    assert "It did not do that." in page


def a_step(number: int, kind: str, at: float, **values: Any) -> Step:
    """A step that was written `at` seconds after the start."""
    row = {"run_id": 1, "number": number, "kind": kind, "state": "done", "created_at": NOW + timedelta(seconds=at)}
    row |= {"answer": "", "messages": "", "final": False, "model": "m", "input_tokens": 0, "output_tokens": 0}
    row |= {"fell_back_from": None, "fallback_reason": None}
    return Step.model_construct(**{**row, "duration_ms": 0, "name": None, "arguments": None, **values})


def a_run_of(seconds: float) -> Run:
    return built(Run, ("started_at", "finished_at"), (NOW, NOW + timedelta(seconds=seconds)))


def test_each_request_has_its_calls_and_each_step_its_bar() -> None:
    steps = [
        a_step(1, "model", 2, duration_ms=2000),
        a_step(2, "tool", 2, name="desk__find", arguments='{"queue": "new"}', duration_ms=1000),
        a_step(3, "tool", 2, name="desk__book", arguments="no JSON", duration_ms=2000),
        a_step(4, "model", 10, duration_ms=1500, answer="Done."),
    ]
    times = RunTimes.of(a_run_of(10), steps, {3: NOW + timedelta(seconds=5)}, NOW)
    first, last = step_tree(steps, {1: 3}, times)
    find, book = first.calls
    assert (first.what, first.credits, last.answer, last.calls) == ("m", 3, "Done.", [])
    assert (find.what, find.line, find.arguments) == ("desk: find", "queue: new", [("queue", "new")])
    assert book.arguments == [("", "no JSON")]
    assert [(one.bar.x, one.bar.width) for one in (first, find, book, last)] == [
        (0.0, 20.0),
        (20.0, 10.0),
        # It was asked for with the other, and waited for somebody.
        (50.0, 20.0),
        (85.0, 15.0),
    ]
    assert (book.bar.wait_x, book.bar.wait_width, book.bar.after) == (20.0, 30.0, "5.0 s")


def test_a_model_that_stood_in_says_for_which_and_why() -> None:
    fallback = {"model": "anthropic:n", "fell_back_from": "openai:m", "fallback_reason": "overloaded"}
    steps = [a_step(1, "model", 2), a_step(2, "model", 4, **fallback)]
    own, other = step_tree(steps, {}, RunTimes.of(a_run_of(5), steps, {}, NOW))
    assert (own.fallback, other.fallback) == ("", "in place of openai:m, which failed (overloaded)")


def test_a_call_that_is_not_over_goes_on_until_now() -> None:
    run = built(Run, ("started_at", "finished_at"), (NOW, None))
    steps = [a_step(1, "model", 2, duration_ms=2000)]
    steps += [a_step(2, "tool", 2, state="called"), a_step(3, "tool", 2, state="asked")]
    times = RunTimes.of(run, steps, {}, NOW + timedelta(seconds=10))
    called, asked = step_tree(steps, {}, times)[0].calls
    assert (called.bar.x, called.bar.width, called.took) == (20.0, 80.0, "")
    assert (asked.bar.wait_x, asked.bar.wait_width, asked.took) == (20.0, 79.4, "")


ODD_TIMES = [
    # Written by a clock that is behind, after the end, and of a run that took no time at all.
    (-5.0, 900, 10.0),
    (60.0, 900, 10.0),
    (0.0, 0, 0.0),
    (0.0, 10**9, 1.0),
]


def test_no_bar_leaves_its_row() -> None:
    for at, duration_ms, length in ODD_TIMES:
        step = a_step(1, "model", at, duration_ms=duration_ms)
        bar = RunTimes.of(a_run_of(length), [step], {}, NOW).bar(step)
        assert 0 <= bar.x <= bar.x + bar.width <= 100.1, (at, duration_ms, length)
        assert bar.width > 0


LONG = " ".join(["thought"] * 100)


async def test_arguments_and_results_are_folded_and_whole(owner: Owner) -> None:
    run = await owner.run()
    answer = "line\n" * 500 + "the end"

    def seed(connection: Connection) -> None:
        past_runs.a_step(connection, run.uuid, 1, answer="Let me look.", model="openai:scripted")
        past_runs.a_step(connection, run.uuid, 3, answer=LONG, model="openai:scripted")
        found = {"state": "done", "name": "desk__find", "arguments": json.dumps({"queue": "<new>" * 100})}
        a_call(connection, run, **found, answer=answer)

    await owner.database.write(seed)
    page = await owner.browser.page(f"/runs/{run.uuid}")
    # What was said beside a call stands there; only what is longer is folded.
    assert page.count("Let me look.") == 1
    assert '<details id="step-1">' not in page
    assert answer in page
    assert "&lt;new&gt;" * 100 in page
    assert '<details id="step-2">' in page
    assert LONG[:250] in page.split('<details id="step-3">')[0]
    assert LONG in page
    assert 'data-copies="result-2"' in page


async def test_a_run_shows_what_it_told_and_what_became_of_it(owner: Owner) -> None:
    run, other = await owner.run(), await owner.run()
    path = f"/runs/{run.uuid}"
    assert "Messages it led to" not in await owner.browser.page(path)

    def seed(connection: Connection) -> None:
        target = a_target(connection, owner.heartbeat)
        for of, title in ((run, "Water rises"), (other, "Of another run")):
            data = {"title": title, "message": "m", "priority": "normal", "run": of.uuid}
            message = {"kind": "user.notified", "data": data, "run_id": of.id}
            a_message(connection, owner.heartbeat, target, **message, status="failed", last_error="Nobody listens.")

    await owner.database.write(seed)
    page = await owner.browser.page(path)
    assert "Messages it led to" in page
    assert "Water rises" in page
    assert "The pager" in page
    assert "Nobody listens." in page
    assert "Of another run" not in page


async def test_the_raw_run_is_the_one_of_the_api(owner: Owner) -> None:
    run = await owner.run(response="Done.", instruction="Be brief.")
    await owner.database.write(past_runs.a_step, run.uuid, 1, answer="Done.", final=True)
    raw = (await owner.browser.get(f"/runs/{run.uuid}/json")).json()
    RunObject.model_validate(raw["run"], extra="forbid")
    query = {"project_id": owner.project.uuid, "bot_id": owner.bot.uuid, "run_id": run.uuid}
    headers = {"authorization": f"Bearer {owner.key}"}
    assert raw == (await owner.browser.get("/v1/bot/run/read", params=query, headers=headers)).json()
    for path in ("json", "events"):
        assert (await owner.browser.get(f"/runs/log_nope/{path}")).status_code == 404


async def test_a_session_follows_a_run_until_its_end(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_stream, "LOOK_EVERY", 0.02)
    run = await owner.run(status="running", **STILL)
    path = f"/runs/{run.uuid}"
    assert f'data-events="{path}/events"' in await owner.browser.page(path)
    following = asyncio.create_task(owner.browser.get(f"{path}/events"))
    await owner.database.write(past_runs.a_step, run.uuid, 1, answer="Done.")
    await owner.database.write(past_runs.change, run.uuid, status="success", duration_ms=5)
    answer = await following
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert re.findall(r"event: (\w+)", answer.text)[-2:] == ["run", "end"]
    assert "event: step" in answer.text
    assert "data-events" not in await owner.browser.page(path)


async def test_the_end_of_a_session_ends_its_streams(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await owner.run(status="running", **STILL)
    monkeypatch.setattr(run_stream, "LOOK_EVERY", 0.02)
    path, key = f"/runs/{run.uuid}/events", columns(ApiKey)
    cookies = {"cookie": f"heartbeat_session={owner.browser.cookies['heartbeat_session']}"}
    async with (
        serving(create_app(owner.settings, owner.database, owner.temporal)) as site,
        httpx.AsyncClient(base_url=site, headers=cookies, timeout=PATIENCE, trust_env=False) as browser,
        browser.stream("GET", path) as answer,
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == "event: run"
        mine = update(key).where(key.c.uuid == owner.key_uuid)
        await owner.database.write(lambda c: c.execute(mine.values(revoked_at=NOW)))
        assert "event: end" not in [line async for line in lines]
    assert (await owner.browser.get(path)).status_code == 401
