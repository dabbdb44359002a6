"""The disk of an SQLite store is full: writes are refused in words, nothing accepted is lost, and it goes on after."""

import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select
from temporalio.client import Client

import worker
from api.main import create_app
from heartbeat.store.credits.audit import audit
from heartbeat.store.database import full_disk
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.credits import Entry
from tests.support.api import Api, error_of, owner, settings_for
from tests.support.model_server import ModelServer, says
from tests.support.patience import until
from tests.support.small_disk import fill, small_disk

ENTRY = columns(Entry)
ENOUGH = 24


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", megabytes=ENOUGH) as directory:
        yield directory


@pytest.fixture
async def cramped(disk: Path, sqlite_template: Path, temporal: Client, model: ModelServer) -> AsyncIterator[Api]:
    """An owner whose store is on the small disk, with a worker."""
    url = f"sqlite:///{shutil.copy(sqlite_template, disk / 'heartbeat.db')}"
    settings = settings_for(url, temporal).model_copy(update={"openai_base_url": model.base_url})
    with closing(Database(url)) as database:
        async with (
            owner(create_app(settings, database, temporal)) as api,
            worker.running_worker(temporal, database, settings),
        ):
            yield api


def long_prompt(number: int) -> str:
    return f"Watch {number}." + "x" * 19_000


async def accepted_until_full(api: Api, bot: dict) -> list[str]:
    """Make heartbeats until one is refused; the ids of those that were not."""
    accepted: list[str] = []
    while True:
        fields = {"bot_id": bot["id"], "prompt": long_prompt(len(accepted)), "cron_pattern": "0 0 1 1 *"}
        answer = await api.post("/heartbeat/configure", **fields)
        if answer.status_code != 200:
            refusal = error_of(answer, 503)
            assert (refusal["code"], refusal["message"]) == ("database_full", full_disk.MESSAGE)
            assert answer.headers["retry-after"] == "5"
            return accepted
        accepted.append(answer.json()["heartbeat"]["uuid"])


async def test_it_says_so_and_goes_on_when_there_is_room(cramped: Api, model: ModelServer, disk: Path) -> None:
    bot, answer = await cramped.bot(), threading.Event()
    which = {"bot_id": bot["id"], "heartbeat_id": (await cramped.heartbeat(bot))["uuid"]}
    model.script(replace(says("All quiet.", 1000, 250), wait_for=answer))
    begun = (await cramped.post("/heartbeat/trigger", **which, wait=False)).json()["result"]["log_id"]
    await until(lambda: model.requests)

    filler = fill(disk, leaving=1 << 18)
    accepted = await accepted_until_full(cramped, bot)
    assert accepted
    fill(disk)
    answer.set()
    unready = await until(lambda: cramped.http.get("/readyz"), lambda answer: answer.status_code == 503)
    assert error_of(unready, 503)["checks"]["database"] is False
    assert (await cramped.get("/heartbeat/read", **which)).status_code == 200
    # Temporal has room, so a trigger is taken, and its run begins once the database has.
    assert (await cramped.post("/heartbeat/trigger", **which, wait=False)).status_code == 202

    filler.unlink()
    ready = await until(lambda: cramped.http.get("/readyz"), lambda answer: answer.status_code == 200)
    assert ready.json()["checks"]["database"] is True
    logs = await until(lambda: logs_of(cramped, which), lambda logs: [log["status"] for log in logs] == ["success"] * 2)
    assert begun in {log["uuid"] for log in logs}
    for number, uuid in enumerate(accepted):
        known = await cramped.get("/heartbeat/read", bot_id=bot["id"], heartbeat_id=uuid)
        assert known.json()["heartbeat"]["prompt"] == long_prompt(number)
    assert await cramped.database.read(audit) == []
    settled = select(func.count(), func.count(ENTRY.c.run_id.distinct())).where(ENTRY.c.kind == "settle")
    assert tuple(await cramped.database.read(lambda c: c.execute(settled).one())) == (2, 2)


async def logs_of(api: Api, which: dict) -> list[dict]:
    logs: list[dict] = (await api.get("/heartbeat/logs", **which)).json()["logs"]
    return logs
