"""Runs whose provider mutates its answers: each ends with a stable code, what was used is charged, nothing stays held.

A few dozen on each database in the usual suite; HEARTBEAT_TEST_ANSWERS=3000 for a long search.
"""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, update

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.agents.tools.mcp.client import list_tools
from heartbeat.domain import credits
from heartbeat.settings import Settings
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, many
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.runs.steps import steps
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Attempt, Run
from heartbeat.store.tools.servers import create_tool, pin
from tests.support.activity_runs import ActivityRuns
from tests.support.mutations import CODES, GOOD, Answer, answers, good_body, mutated
from tests.support.providers import OF_LIBRARIES, settings_for
from tests.support.raw_provider import RawProvider
from tests.support.raw_tool_server import RawToolServer
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, access_to, heartbeat_row

NUMBER = int(os.environ.get("HEARTBEAT_TEST_ANSWERS", "20"))
# With a price, so that costs are sums of usage, too.
PRICED = {
    "openai": "openai:gpt-5.4-mini",
    "anthropic": "anthropic:claude-haiku-4-5",
    "google": "google:gemini-2.5-flash",
}
REPLY = {
    "content": [{"type": "text", "text": "Booked."}, {"type": "resource", "resource": {"uri": "x://y", "text": "z"}}],
    "structuredContent": {"booked": ["a table"]},
    "isError": False,
}
OF_RUNS = {"budget_exhausted", "max_steps", "reported_failure"}
STATUSES = st.sampled_from([*(200,) * 12, 400, 429, 500, 529])


@st.composite
def conversations(draw: st.DrawFn) -> list[Answer]:
    """What a provider answers the requests of one run with, in turn and mutated; the last one is good."""
    dialect = draw(st.sampled_from([*GOOD]))
    odd = draw(st.lists(st.builds(_with_status, answers(dialect), STATUSES), min_size=1, max_size=4))
    return [*odd, Answer(dialect, json.dumps(good_body(dialect, "plain")))]


def _with_status(answer: Answer, status: int) -> Answer:
    return replace(answer, status=status)


def test_a_run_ends_and_holds_nothing(database: Database) -> None:
    with RawProvider() as provider, asyncio.Runner() as runner:
        of_tests = settings_for(provider)
        runs = ActivityRuns(database, of_tests)
        heartbeat = database.write_now(lambda c: a_heartbeat(c, a_bot(c, a_project(c))))

        @settings(max_examples=NUMBER, deadline=None, suppress_health_check=list(HealthCheck))
        @given(conversation=conversations(), budget=st.none() | st.integers(8, 40))
        def check(conversation: list[Answer], budget: int | None) -> None:
            database.write_now(prepare, heartbeat, PRICED[conversation[0].dialect], budget)
            given = respond_in_turn(provider, conversation)
            # A heartbeat with a run that is stuck would be given no other.
            uuid = runner.run(runs.make(heartbeat))
            database.read_now(check_run, uuid, of_tests)
            database.read_now(check_usage, uuid, given)
            database.read_now(check_ledger, uuid)

        check()
        runner.run(runs.close())


def prepare(connection: Connection, heartbeat: Heartbeat, model: str, budget: int | None) -> None:
    """Give the bot its model, and leave its heartbeat so much budget."""
    connection.execute(update(columns(Bot)).values(model=model))
    used = heartbeat_row(connection, heartbeat.uuid).period_credits
    connection.execute(update(columns(Heartbeat)).values(credit_budget=None if budget is None else used + budget))


def respond_in_turn(provider: RawProvider, conversation: Sequence[Answer]) -> list[Answer]:
    """Answer so, the last one for ever; returns what was answered, which grows."""
    given: list[Answer] = []

    def respond(_: object) -> tuple[int, dict[str, str], str]:
        answer = conversation[min(len(given), len(conversation) - 1)]
        given.append(answer)
        return answer.status, {}, answer.text

    provider.respond_as(respond)
    return given


def check_run(connection: Connection, uuid: str, of_tests: Settings) -> None:
    run = run_by_uuid(connection, uuid)
    assert run.status == ("error" if run.error_code else "success")
    assert run.error_code is None or run.error_code in CODES | OF_RUNS
    assert [words for words in OF_LIBRARIES if words in (run.error_message or "")] == []
    assert run.finished_at is not None


def check_usage(connection: Connection, uuid: str, given: Sequence[Answer]) -> None:
    """Every request is an attempt, with what its answer says was used."""
    attempts = attempts_of(connection, uuid)
    assert [attempt.outcome in ("answered", "failed") for attempt in attempts] == [True] * len(given)
    for attempt, answer in zip(attempts, given, strict=True):
        if (usage := answer.usage) is not None:
            assert (attempt.input_tokens, attempt.output_tokens) == (usage.input_tokens, usage.output_tokens)
        elif attempt.outcome == "answered":
            assert attempt.input_tokens > 0


def check_ledger(connection: Connection, uuid: str) -> None:
    """Each paid attempt has one entry: its cost, at most what was reserved for it; the rest was given back."""
    run = run_by_uuid(connection, uuid)
    entries = many(connection, Entry, select(columns(Entry)).where(columns(Entry).c.run_id == run.id))
    paid = {(entry.step, entry.kind): entry for entry in entries if entry.kind.startswith(("settle", "failed"))}
    for attempt in attempts_of(connection, uuid):
        tokens = attempt.input_tokens + attempt.output_tokens
        entry = paid.pop(
            (attempt.step, "settle" if attempt.outcome == "answered" else f"failed-{attempt.attempt}"), None
        )
        assert (entry.tokens if entry else 0) == tokens
        assert entry is None or entry.credits == min(credits.cost(tokens, 1), -entry.held)
        assert entry is None or entry.absorbed == credits.cost(tokens, 1) - entry.credits
    assert paid == {}
    assert (run.credits_held, sum(entry.held for entry in entries)) == (0, 0)
    assert run.credits_charged == sum(entry.credits for entry in entries)
    assert run.tokens_used == sum(entry.tokens for entry in entries)
    assert audit(connection) == []


def attempts_of(connection: Connection, uuid: str) -> list[Attempt]:
    table, run = columns(Attempt), columns(Run)
    of_run = select(run.c.id).where(run.c.uuid == uuid).scalar_subquery()
    return many(connection, Attempt, select(table).where(table.c.run_id == of_run).order_by(table.c.id))


def test_a_mutated_reply_of_a_tool_is_an_outcome(database: Database) -> None:
    with RawProvider() as provider, RawToolServer() as desk, asyncio.Runner() as runner:
        of_tests = settings_for(provider).model_copy(update={"egress_allow": ["127.0.0.1"], "tool_timeout_seconds": 10})
        runs = ActivityRuns(database, of_tests)
        bot = database.write_now(lambda c: a_bot(c, a_project(c), model=PRICED["openai"]))
        heartbeat = database.write_now(lambda c: a_heartbeat(c, bot))
        runner.run(connect(database, bot, desk, of_tests))
        asking = json.dumps(good_body("openai", "calls-with-finish-stop")).replace('"report"', '"desk__book"')
        conversation = [Answer("openai", asking), Answer("openai", json.dumps(good_body("openai", "plain")))]

        @settings(max_examples=NUMBER // 2, deadline=None, suppress_health_check=list(HealthCheck))
        @given(result=mutated(REPLY))
        def check(result: str) -> None:
            desk.instead = lambda received: (
                (200, {}, f'{{"jsonrpc": "2.0", "id": {received.id}, "result": {result}}}')
                if received.method == "tools/call"
                else None
            )
            respond_in_turn(provider, conversation)
            uuid = runner.run(runs.make(heartbeat))
            run = database.read_now(run_by_uuid, uuid)
            _, call, _ = database.read_now(steps, run.id)
            assert (run.status, call.state, bool(call.answer)) == ("success", "done", True)
            assert call.failure_code in (None, "failed", "unknown")
            database.read_now(check_ledger, uuid)

        check()
        runner.run(runs.close())


async def connect(database: Database, bot: Bot, desk: RawToolServer, of_tests: Settings) -> None:
    listing = await list_tools(McpServer("tool_1", "desk", "http", desk.url), of_tests)
    fields = {"server_label": "desk", "server_url": desk.url, "transport": "http"}

    def add(connection: Connection) -> None:
        tool = create_tool(connection, access_to(connection, bot), fields, NOW)
        pin(connection, tool.id, list(listing.tools.values()), NOW)

    await database.write(add)
