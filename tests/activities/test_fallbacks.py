"""Which model is asked after which failure: two providers of different protocols, and a real store."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from temporalio.exceptions import ApplicationError

from heartbeat.agents.rate_limits import rate_limit_scope
from heartbeat.domain.contracts import ThinkInput
from heartbeat.settings import Settings
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, many
from heartbeat.store.runs.rate_limits import note_refusal
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.runs.steps import steps
from heartbeat.store.tables.credits import DailyRollup
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Attempt, Run, Step
from tests.support.activity_runs import ActivityRuns
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, Reply, asks, fails, says
from tests.support.providers import corpus_response
from tests.support.raw_provider import RawProvider
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, heartbeat_row

OWN, SAME_PROVIDER, OTHER = "openai:m", "openai:n", "anthropic:claude-x"
PAGE = Reply(body="<html><title>Sign in</title></html>", headers={"content-type": "text/html"})
CONTENT_FILTER = says("", finish="content_filter")
ATTEMPTS = Settings.model_fields["step_attempts"].default


@pytest.fixture
def other() -> Iterator[RawProvider]:
    with RawProvider() as provider:
        provider.respond(*corpus_response("anthropic/plain"))
        yield provider


@pytest.fixture
async def runs(database: Database, model: ModelServer, other: RawProvider) -> AsyncIterator[ActivityRuns]:
    settings = Settings(
        _env_file=None,
        database_url=database.url,
        openai_base_url=model.base_url,
        openai_api_key="k-test",
        anthropic_base_url=other.url,
        anthropic_api_key="k-test",
        model_rates={OTHER: 3},
        step_timeout_seconds=20,
    )
    activity_runs = ActivityRuns(database, settings)
    yield activity_runs
    await activity_runs.close()


def heartbeat_with(database: Database, *fallbacks: str) -> Heartbeat:
    def seed(connection: Any) -> Heartbeat:
        bot = a_bot(connection, a_project(connection), model="openai:of-its-bot")
        return a_heartbeat(connection, bot, model=OWN, fallback_models=[*fallbacks], max_consecutive_errors=2)

    return database.write_now(seed)


def run_and_steps(database: Database, uuid: str) -> tuple[Run, list[Step]]:
    run = database.read_now(lambda c: run_by_uuid(c, uuid))
    return run, database.read_now(lambda c: steps(c, run.id))


@ON_SQLITE
@pytest.mark.parametrize(
    ("reply", "fallback", "requests", "reason"),
    [
        (fails(503), OTHER, ATTEMPTS, "unavailable"),
        (fails(503), SAME_PROVIDER, ATTEMPTS, "unavailable"),
        (fails(529), OTHER, ATTEMPTS, "overloaded"),
        (PAGE, OTHER, 2, "bad_answer"),
        (fails(429, headers={"retry-after": "3600"}), OTHER, 1, "rate_limited"),
        (fails(429, headers={"retry-after": "60"}), OTHER, 1, "rate_limited"),
        (fails(404, "model_not_found"), OTHER, 1, "unknown_model"),
        (fails(404, "model_not_found"), SAME_PROVIDER, 1, "unknown_model"),
        (fails(401), OTHER, 1, "key_rejected"),
        (fails(429, "insufficient_quota"), OTHER, 1, "quota_exhausted"),
        (fails(401), SAME_PROVIDER, 1, None),
        (fails(429, "insufficient_quota"), SAME_PROVIDER, 1, None),
        (fails(400, message="no"), OTHER, 1, None),
        (CONTENT_FILTER, OTHER, 1, None),
    ],
)
async def test_which_failure_leads_to_another_model(
    database: Database,
    runs: ActivityRuns,
    model: ModelServer,
    reply: Reply,
    fallback: str,
    requests: int,
    reason: str | None,
) -> None:
    model.reply = lambda request: says("In its place.") if request["model"] == "n" else reply
    uuid = await runs.make(heartbeat_with(database, fallback))
    run, made = run_and_steps(database, uuid)
    assert len([request for request in model.requests if request["model"] == "m"]) == requests
    assert run.status == ("success" if reason else "error")
    if reason:
        assert [(step.model, step.fell_back_from, step.fallback_reason) for step in made] == [(fallback, OWN, reason)]
    assert database.read_now(audit) == []


async def test_a_model_that_stood_in_goes_on_and_is_paid_by_its_own_rate(
    database: Database, runs: ActivityRuns, model: ModelServer, other: RawProvider
) -> None:
    model.script(asks(("report", {"outcome": "ok", "summary": "Seen."})), fails(503))
    answers = [*(corpus_response(f"anthropic/{name}") for name in ("call", "call")), corpus_response("anthropic/plain")]
    other.respond_as(lambda request: answers.pop(0))
    uuid = await runs.make(heartbeat_with(database, OTHER))
    run, made = run_and_steps(database, uuid)
    thought = [step for step in made if step.kind == "model"]
    assert run.status == "success"
    # The model that is down is not tried again at each step.
    assert len(model.requests) == 1 + ATTEMPTS
    assert [(step.model, step.fell_back_from, step.fallback_reason) for step in thought] == [
        (OWN, None, None),
        *[(OTHER, OWN, "unavailable")] * 3,
    ]
    rows = columns(Attempt)
    attempts = database.read_now(lambda c: many(c, Attempt, select(rows).where(rows.c.step == thought[1].number)))
    assert [(row.attempt, row.model, row.outcome) for row in attempts] == [
        *((number, OWN, "failed") for number in range(1, ATTEMPTS + 1)),
        (ATTEMPTS + 1, OTHER, "answered"),
    ]
    assert (run.credits_charged, run.credits_held) == (1 + 3 * 3, 0)
    days = columns(DailyRollup)
    by_model = select(days.c.model, days.c.success, days.c.credits, days.c.tokens).order_by(days.c.model)
    assert database.read_now(lambda c: [tuple(row) for row in c.execute(by_model)]) == [
        (OTHER, 0, 9, 450),
        (OWN, 1, 1, 120),
    ]
    assert database.read_now(audit) == []


@ON_SQLITE
async def test_a_failure_counts_only_when_all_failed(
    database: Database, runs: ActivityRuns, model: ModelServer, other: RawProvider
) -> None:
    heartbeat = heartbeat_with(database, OTHER)
    model.script(fails(503))
    assert (await runs.tick(heartbeat, NOW)).should_run
    assert database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid)).error_count == 0
    other.respond(401, {}, {"type": "error", "error": {"type": "authentication_error", "message": "no"}})
    uuid = await runs.make(heartbeat)
    run, _ = run_and_steps(database, uuid)
    # What may pass at one of them may pass.
    assert run.error_code == "unavailable"
    assert "the provider rejected the key" in (run.error_message or "")
    assert f"Before it, {OWN} failed (unavailable)." in (run.error_message or "")


@ON_SQLITE
async def test_one_that_stood_in_and_fails_gives_way_to_the_first_again(
    database: Database, runs: ActivityRuns, model: ModelServer, other: RawProvider
) -> None:
    model.script(*[fails(503)] * ATTEMPTS, says("Back again."))
    answers = [corpus_response("anthropic/call"), *[corpus_response("anthropic/overloaded")] * ATTEMPTS]
    other.respond_as(lambda request: answers.pop(0))
    run, made = run_and_steps(database, await runs.make(heartbeat_with(database, OTHER)))
    assert (run.status, run.response) == ("success", "Back again.")
    assert [step.model for step in made if step.kind == "model"] == [OTHER, OWN]
    assert made[-1].fell_back_from is None


@ON_SQLITE
async def test_a_budget_holds_the_dearest(database: Database, runs: ActivityRuns, model: ModelServer) -> None:
    [own, dearer] = [heartbeat_with(database, *fallbacks) for fallbacks in ((), (OTHER,))]
    rows = columns(Heartbeat)
    database.write_now(lambda c: c.execute(update(rows).values(credit_budget=11)))
    assert (await runs.tick(own, NOW)).should_run
    assert not (await runs.tick(dearer, NOW)).should_run


@ON_SQLITE
async def test_a_worker_that_dies_leaves_the_model_as_it_was(
    database: Database, runs: ActivityRuns, model: ModelServer, other: RawProvider
) -> None:
    opened = await runs.open(heartbeat_with(database, OTHER))
    # The last attempt at the first model said nothing, and the first at the other was lost with its worker.
    asked = ThinkInput(opened, 1, model_index=1, earlier_attempts=ATTEMPTS)
    await runs.think(asked, attempt=2)
    run, [step] = run_and_steps(database, opened)
    rows = columns(Attempt)
    of_run = select(rows).where(rows.c.run_id == run.id).order_by(rows.c.attempt)
    attempts = database.read_now(lambda c: many(c, Attempt, of_run))
    assert [row.model for row in attempts[ATTEMPTS:]] == [OTHER, OTHER]
    assert [row.outcome for row in attempts] == [*["lost"] * (ATTEMPTS + 1), "answered"]
    assert (step.model, step.fallback_reason, model.requests) == (OTHER, "step_timeout", [])
    assert database.read_now(audit) == []


@ON_SQLITE
@pytest.mark.parametrize(
    ("minutes", "fallbacks", "goes_on"), [(6, (OTHER,), False), (8, (OTHER,), True), (8, (), False)]
)
async def test_attempts_leave_another_model_half_of_the_runs_time(
    database: Database, runs: ActivityRuns, model: ModelServer, minutes: int, fallbacks: tuple[str, ...], goes_on: bool
) -> None:
    opened = await runs.open(heartbeat_with(database, *fallbacks))
    times = {"scheduled_time": NOW, "current_attempt_scheduled_time": NOW + timedelta(minutes=minutes)}
    of_run = {**times, "schedule_to_close_timeout": timedelta(minutes=15)}
    thought = await runs.think(ThinkInput(opened, 1), attempt=3, **of_run)
    assert (thought.next_model, len(model.requests)) == ((1, 0) if goes_on else (None, 1))


@ON_SQLITE
@pytest.mark.parametrize("fallbacks", [(OTHER,), ()])
async def test_attempts_before_a_wait_count(
    database: Database, runs: ActivityRuns, model: ModelServer, fallbacks: tuple[str, ...]
) -> None:
    opened = await runs.open(heartbeat_with(database, *fallbacks))
    model.reply = lambda _: fails(500)
    for earlier_attempts in range(ATTEMPTS - 1):
        with pytest.raises(ApplicationError) as failure:
            await runs.think(ThinkInput(opened, 1, earlier_attempts=earlier_attempts), attempt=1)
        assert not failure.value.non_retryable
    last = runs.think(ThinkInput(opened, 1, earlier_attempts=ATTEMPTS - 1), attempt=1)
    if fallbacks:
        assert (await last).next_model == 1
    else:
        with pytest.raises(ApplicationError, match=f"Tried {ATTEMPTS} times") as failure:
            await last
        assert failure.value.non_retryable


@ON_SQLITE
async def test_a_limit_that_outlasts_the_run_leaves_it_to_another_model(
    database: Database, runs: ActivityRuns, model: ModelServer
) -> None:
    opened = await runs.open(heartbeat_with(database, OTHER))
    scope = rate_limit_scope(OWN, runs.settings)
    database.write_now(note_refusal, scope, 15.0, NOW)
    times = {"scheduled_time": NOW, "current_attempt_scheduled_time": NOW}
    for seconds, after in ((19, None), (10, 1)):
        of_run = {**times, "schedule_to_close_timeout": timedelta(seconds=seconds)}
        thought = await runs.think(ThinkInput(opened, 1), attempt=1, **of_run)
        assert (thought.next_model, thought.error_code) == (after, "rate_limited")
    assert model.requests == []
