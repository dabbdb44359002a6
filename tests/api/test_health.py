"""For those who watch."""

import re
import resource
from datetime import timedelta
from functools import partial

import pytest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.client import Client

import worker
from api.main import create_app
from heartbeat.domain.clock import utc_now
from heartbeat.domain.ids import new_id
from heartbeat.domain.worker_roles import Role
from heartbeat.store.database import write_probe
from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.tick_accounting import account
from heartbeat.temporal import workers
from heartbeat.temporal.clock import SharedClock, measuring
from heartbeat.temporal.workers import Workers
from tests.support.api import Api, error_of, owner, settings_for
from tests.support.databases import ON_SQLITE
from tests.support.past_runs import a_run
from tests.support.patience import until


async def test_the_process_is_up(api: Api) -> None:
    answer = await api.http.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_ready_is_who_has_a_worker(alone: Api) -> None:
    missing = await alone.http.get("/readyz")
    body = error_of(missing, 503)
    others = {"upkeep": False, "delivery": False, "clock": True}
    assert body["checks"] == {"database": True, "temporal": True, "worker": False, **others}
    assert "heartbeat worker" in body["message"]
    assert "Temporal" not in body["message"]
    ready = {"database": True, "temporal": True, "worker": True, "upkeep": True, "delivery": True, "clock": True}
    settings = alone.settings.model_copy(update={"worker_roles": [Role.RUNS, Role.DELIVERY]})
    async with worker.running_worker(alone.temporal, alone.database, settings):
        # Each role is heard of by itself.
        without_upkeep = {
            "status": "ready",
            "checks": ready | {"upkeep": False},
            "message": "No worker has the role upkeep: start one with `heartbeat worker --role upkeep`.",
        }
        await until(lambda: alone.http.get("/readyz"), lambda answer: answer.json() == without_upkeep)
        settings = alone.settings.model_copy(update={"worker_roles": [Role.UPKEEP]})
        async with worker.running_worker(alone.temporal, alone.database, settings):
            answer = await until(lambda: alone.http.get("/readyz"), lambda answer: "message" not in answer.json())
    assert answer.json() == {"status": "ready", "checks": ready}


@ON_SQLITE
async def test_a_worker_that_was_not_heard_of_lately_is_none(alone: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async with worker.running_worker(alone.temporal, alone.database, alone.settings):
        living = partial(workers.workers_by_role, alone.temporal, alone.settings)
        await until(lambda: living(utc_now()), lambda by_role: set(by_role.values()) == {Workers(1, 1)})
        assert set((await living(utc_now() + workers.HEARD_WITHIN + timedelta(seconds=1))).values()) == {Workers()}
        monkeypatch.setattr(workers, "HEARD_WITHIN", timedelta(days=-1))
        missing = error_of(await alone.http.get("/readyz"), 503)
        assert missing["checks"] | {"worker": False} == missing["checks"]
        # Where no process compares its clock, workers count for as long as they poll.
        monkeypatch.setattr(workers, "CLOCK_QUEUE", TaskQueue(name="nobody-polls-here"))
        await until(lambda: living(utc_now()), lambda by_role: set(by_role.values()) == {Workers(1, 1)})
        assert set((await living(utc_now() + workers.POLLED_WITHIN + timedelta(seconds=61))).values()) == {Workers()}


@ON_SQLITE
async def test_workers_of_a_build_that_is_not_current_begin_nothing(alone: Api) -> None:
    """Nor do those of a role beside which only others have workers without a build id."""
    versioned = alone.settings.model_copy(update={"build_id": "2", "deployment_name": new_id("dep")})
    async with worker.running_worker(alone.temporal, alone.database, versioned):
        answer = await until(
            lambda: alone.http.get("/readyz"), lambda answer: "of the current build" in answer.json()["message"]
        )
        assert error_of(answer, 503)["checks"]["worker"] is False
        runs_alone = alone.settings.model_copy(update={"worker_roles": [Role.RUNS]})
        async with worker.running_worker(alone.temporal, alone.database, runs_alone):
            words = "No worker that has the role upkeep is of the current build"
            ready = await until(lambda: alone.http.get("/readyz"), lambda answer: words in answer.json()["message"])
    assert ready.status_code == 200
    assert ready.json()["checks"] | {"worker": True, "upkeep": False} == ready.json()["checks"]


@ON_SQLITE
async def test_a_database_without_room_is_not_ready(alone: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full answers reads."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    await alone.database.read(lambda c: c.exec_driver_sql("SELECT 1"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        full = error_of(await alone.http.get("/readyz"), 503)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert full["checks"]["database"] is False
    assert "is there room on its disk" in full["message"]
    monkeypatch.setattr(write_probe, "TRY_AGAIN_SECONDS", 0)
    assert error_of(await alone.http.get("/readyz"), 503)["checks"]["database"] is True


async def test_a_wrong_clock_is_shown(database: Database, temporal: Client) -> None:
    clock = SharedClock(database, temporal, lambda: utc_now() + timedelta(seconds=90))
    app = create_app(settings_for(database.url, temporal), database, temporal, clock=clock)
    async with measuring(clock), owner(app) as api, worker.running_worker(temporal, database, api.settings):
        answer = await until(lambda: api.http.get("/readyz"), lambda answer: answer.status_code == 200)
        assert answer.json()["checks"]["clock"] is False
        assert "90 s ahead of the database's and 90 s ahead of Temporal's" in answer.json()["message"]
        metrics = (await api.http.get("/metrics")).text
        offsets = dict(re.findall(r'^heartbeat_clock_offset_seconds{clock="(.*)"} (.*)$', metrics, re.M))
        assert {name: -91 < float(offset) < -89 for name, offset in offsets.items()} == {
            "database": True,
            "temporal": True,
        }


async def test_metrics_count_requests_heartbeats_and_runs(alone: Api) -> None:
    bot = await alone.bot()
    heartbeat = await alone.heartbeat(bot, enabled=True)
    await alone.heartbeat(bot, prompt="Off")
    row = await alone.row(heartbeat)
    tick = row.next_tick_at
    assert tick is not None
    await alone.database.write(account, row, [tick], tick)
    for status in ("success", "success", "error", "skipped", "running"):
        await alone.database.write(lambda connection, status=status: a_run(connection, row, status))
    await alone.get("/read", bot_id="bot_no")
    answer = await alone.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    for line in (
        'heartbeat_http_requests_total{method="POST",route="/v1/bot/heartbeat/configure",status="200"} 2.0',
        'heartbeat_http_requests_total{method="GET",route="/v1/bot/read",status="404"} 1.0',
        'heartbeat_http_request_seconds_count{method="GET",route="/v1/bot/read"} 1.0',
        'heartbeat_heartbeats{state="enabled"} 1.0',
        'heartbeat_heartbeats{state="disabled"} 1.0',
        'heartbeat_runs{status="success"} 2.0',
        'heartbeat_runs{status="error"} 1.0',
        'heartbeat_runs{status="running"} 1.0',
        'heartbeat_runs{status="skipped"} 2.0',
        "heartbeat_missed_ticks 1.0",
        "heartbeat_schedules_pending 0.0",
        "heartbeat_schedules_zone_differs 0.0",
        "heartbeat_due_ticks 0.0",
        "heartbeat_due_tick_age_seconds 0.0",
        "heartbeat_parked_runs 0.0",
        f'heartbeat_queue_tasks{{kind="workflow",queue="{alone.settings.task_queue}"}} 0.0',
        f'heartbeat_queue_pollers{{kind="activity",queue="{alone.settings.task_queue}"}} 0.0',
        "heartbeat_database_waiting 0.0",
    ):
        assert line in lines, answer.text


async def test_paths_are_no_labels(alone: Api) -> None:
    for path in ("/v1/bot/tool/tool_1", "/v1/bot/tool/tool_2", "/nowhere/1", "/nowhere/2"):
        await alone.http.get(path)
    text = (await alone.http.get("/metrics")).text
    assert 'route="/v1/bot/tool/{tool_id}"' in text
    assert 'route="none"' in text
    assert "tool_1" not in text
    assert "nowhere" not in text


async def test_the_openapi_document_says_what_is_answered(api: Api) -> None:
    document = (await api.http.get("/openapi.json")).json()
    read = document["paths"]["/v1/bot/heartbeat/read"]["get"]
    assert [(one["name"], one["required"]) for one in read["parameters"]] == [
        ("project_id", True),
        ("bot_id", True),
        ("heartbeat_id", True),
    ]
    assert read["security"] == [{"key": ["read"]}]
    assert "422" not in read["responses"]
    assert {"200", "400", "401", "403", "404", "503"} <= set(read["responses"])
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert "202" in document["paths"]["/v1/bot/heartbeat/trigger"]["post"]["responses"]
