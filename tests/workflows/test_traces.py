"""A run as a trace: whole, once, whatever died in between, and with what was said only if that is wanted."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from sqlalchemy import Connection, select

from heartbeat.domain.trace_ids import span_id, trace_id
from heartbeat.settings import Settings
from heartbeat.store.database.rows import columns
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.runs.traces import CLAIM, GIVEN_UP_AFTER, claim_traces, has_traces, note_trace
from heartbeat.store.tables.runs import PendingTrace, Run
from heartbeat.telemetry.metrics import REGISTRY
from heartbeat.telemetry.traces.export import TraceExporter
from tests.support.acting import book
from tests.support.collector import Collector, values
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, asks, fails, says
from tests.support.past_runs import a_run, a_step
from tests.support.patience import until
from tests.support.seeds import NOW
from tests.support.tool_server import ToolServer
from tests.support.world import World


@pytest.fixture
def collector() -> Iterator[Collector]:
    with closing(Collector()) as collector:
        yield collector


@pytest.fixture
def settings(settings: Settings, collector: Collector) -> Settings:
    return settings.model_copy(update={"otel_endpoint": collector.url})


async def exported(collector: Collector, number: int) -> dict[str, Span]:
    async def spans() -> list[Span]:
        return collector.spans

    return {span.name: span for span in await until(spans, lambda spans: len(spans) >= number)}


@pytest.mark.usefixtures("patient_workflows")
async def test_a_run_is_one_trace(agent: World, model: ModelServer, desk: ToolServer, collector: Collector) -> None:
    model.script(fails(503), asks(book("Canary-table")), says("Canary-answer", 300, 20))
    log = await agent.run_once()
    spans = await exported(collector, 4)
    assert len(collector.spans) == 4
    root = spans[f"invoke_agent {agent.bot.name}"]
    assert {span.trace_id.hex() for span in collector.spans} == {trace_id(log.uuid)}
    assert [span.parent_span_id for span in collector.spans] == [b"", root.span_id, root.span_id, root.span_id]
    assert [span.span_id.hex() for span in collector.spans] == [span_id(log.uuid, step) for step in range(4)]
    assert (root.kind, root.status.code) == (Span.SPAN_KIND_INTERNAL, Status.STATUS_CODE_UNSET)
    assert root.start_time_unix_nano // 1000 == round(log.started_at.timestamp() * 1_000_000)
    assert (
        values(root.attributes).items()
        >= {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "scripted",
            "gen_ai.agent.id": agent.bot.uuid,
            "heartbeat.id": agent.heartbeat.uuid,
            "heartbeat.run.id": log.uuid,
            "heartbeat.run.outcome": "success",
            "heartbeat.credits": log.credits_charged,
        }.items()
    )
    first, tool, last = collector.spans[1:]
    assert (first.name, first.kind) == ("chat scripted", Span.SPAN_KIND_CLIENT)
    assert [(event.name, values(event.attributes)["error.type"]) for event in first.events] == [
        ("heartbeat.attempt_failed", "unavailable")
    ]
    assert (tool.name, values(tool.attributes)["gen_ai.tool.name"]) == ("execute_tool desk__book", "desk__book")
    assert values(last.attributes)["gen_ai.usage.input_tokens"] == 300
    assert b"Canary" not in b"".join(span.SerializeToString() for span in collector.spans)
    assert collector.resources[0].items() >= {"service.name": "heartbeat"}.items()
    # The server's own spans hang on that of the call.
    context = f"00-{trace_id(log.uuid)}-{tool.span_id.hex()}-01"
    assert [call.traceparents for call in desk.made] == [(context, context)]


@ON_SQLITE
async def test_what_was_said_is_in_it_if_that_is_wanted(
    agent: World, model: ModelServer, desk: ToolServer, collector: Collector
) -> None:
    agent.settings.otel_content = "true"
    model.script(asks(book("a table")), says("It is booked."))
    await agent.run_once()
    root, _, tool, last = [values(span.attributes) for span in (await exported(collector, 4)) and collector.spans]
    assert json.loads(root["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be brief."}]
    [message] = json.loads(root["gen_ai.input.messages"])
    assert message["parts"][0]["content"].endswith("Check the queue.")
    assert json.loads(last["gen_ai.output.messages"])[0]["parts"][0]["content"] == "It is booked."
    assert json.loads(tool["gen_ai.tool.call.arguments"]) == {"what": "a table"}
    assert tool["gen_ai.tool.call.result"] == "Booked a table, number 1."


async def test_a_failed_run_says_why(working: World, model: ModelServer, collector: Collector) -> None:
    model.script(fails(401))
    log = await working.run_once()
    await exported(collector, 2)
    root, chat = collector.spans
    assert log.error_code == "key_rejected"
    for span in (root, chat):
        assert span.status.code == Status.STATUS_CODE_ERROR
        assert values(span.attributes)["error.type"] == log.error_code


async def test_a_trace_that_was_lost_on_its_way_comes_once(world: World, collector: Collector) -> None:
    now = NOW

    def seed(connection):
        done = a_run(connection, world.heartbeat, finished_at=NOW, started_at=NOW)
        for uuid in (done, a_run(connection, world.heartbeat, "running")):
            note_trace(connection, run_by_uuid(connection, uuid).id)

    await world.database.write(seed)
    exporter = TraceExporter(world.database, world.settings, lambda: now)
    collector.away = True
    assert await exporter.export() == 0
    collector.away = False
    assert await exporter.export() == 0, "it is left to whoever has it"
    now += CLAIM + timedelta(seconds=1)
    assert len(await world.database.write(claim_traces, now)) == 1, "and that one dies"
    assert await exporter.export() == 0
    now += CLAIM + timedelta(seconds=1)
    assert await exporter.export() == 1
    now += CLAIM + timedelta(seconds=1)
    assert await exporter.export() == 0
    assert len(collector.spans) == 1, "the run in progress is none yet"


@ON_SQLITE
async def test_one_that_is_not_taken_keeps_no_other_back(world: World, collector: Collector) -> None:
    def seed(connection: Connection) -> list[str]:
        uuids = [a_run(connection, world.heartbeat, finished_at=NOW, started_at=NOW) for _ in range(3)]
        for uuid in uuids:
            note_trace(connection, run_by_uuid(connection, uuid).id)
        # Longer than a time can say; nothing writes that.
        a_step(connection, uuids[1], 1, duration_ms=2**62)
        return uuids

    refused, _, good = await world.database.write(seed)
    collector.refused = {trace_id(refused)}
    lost = REGISTRY.get_sample_value("heartbeat_lost_traces_total") or 0
    exporter = TraceExporter(world.database, world.settings, lambda: NOW)
    assert await exporter.export() == 2
    assert {span.trace_id.hex() for span in collector.spans} == {trace_id(good)}
    assert REGISTRY.get_sample_value("heartbeat_lost_traces_total") == lost + 1
    left = select(columns(Run).c.uuid).join(columns(PendingTrace), columns(PendingTrace).c.run_id == columns(Run).c.id)
    assert await world.database.read(lambda c: c.execute(left).scalars().all()) == [refused], "it comes again"


async def test_a_trace_that_nobody_takes_is_given_up(world: World) -> None:
    def seed(connection):
        uuid = a_run(connection, world.heartbeat, finished_at=NOW, started_at=NOW)
        note_trace(connection, run_by_uuid(connection, uuid).id)

    await world.database.write(seed)
    assert await world.database.read(has_traces, NOW)
    assert await world.database.write(claim_traces, NOW + GIVEN_UP_AFTER + timedelta(seconds=1)) == []
    assert not await world.database.read(has_traces, NOW)
