"""Everything killed in turn while heartbeats fire each minute: afterwards ticks = logs, none twice, none charged twice.

It takes six minutes of real clock, so it runs on its own: `make test-outages`.
"""

import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from heartbeat.store.credits.audit import audit
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from tests.support.model_server import ModelServer, says
from tests.support.patience import wait_until
from tests.support.site import Site

pytestmark = pytest.mark.outage
HEARTBEATS = 5
MINUTE = timedelta(minutes=1)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as running:
        model = running.enter_context(closing(ModelServer()))
        model.script(says("Fine.", 900, 50))
        yield running.enter_context(closing(Site(tmp_path, model)))


def wait_for_second(second: int) -> None:
    """Until the clock's next such second: an outage is aimed at a tick."""
    now = datetime.now(UTC)
    time.sleep((second - now.second - now.microsecond / 1e6) % 60)


def test_everything_is_killed_in_turn(site: Site) -> None:
    wait_until(site.ready)
    bot = site.post("create", name="Outages", heartbeat=1).json()["bot"]["uuid"]
    for number in range(HEARTBEATS):
        fields = {"bot_id": bot, "prompt": f"Watch {number}", "cron_pattern": "* * * * *", "enabled": True}
        assert site.post("heartbeat/configure", **fields).is_success
    wait_for_second(50)

    site.temporal.kill()
    time.sleep(40)
    site.temporal.start()
    wait_until(site.ready)
    wait_for_second(50)

    site.worker.kill()
    time.sleep(180)
    site.worker.start()
    wait_until(site.ready)
    wait_for_second(50)

    killed_during_configure(site, bot)
    wait_for_second(30)
    began = datetime.now(UTC)
    wait_until(lambda: all_accounted_for(site, began), seconds=240)
    check(site, began)


def killed_during_configure(site: Site, bot: str) -> None:
    """The API dies while a configure is on its way; asked again with the same key afterwards, it is there once."""
    fields = {"bot_id": bot, "prompt": "Watch more", "cron_pattern": "* * * * *", "enabled": True}
    fields["external_id"] = "more"
    killer = subprocess.Popen(["sh", "-c", f"sleep 0.02; kill -9 {site.api.pid}"])
    with suppress(httpx.HTTPError):
        site.post("heartbeat/configure", **fields)
    killer.wait()
    site.api.wait()
    site.api.start()
    wait_until(site.ready)
    assert site.post("heartbeat/configure", **fields).is_success
    assert len(site.rows(Heartbeat)) == HEARTBEATS + 1


def all_accounted_for(site: Site, until_: datetime) -> bool:
    running = [run for run in site.rows(Run) if run.status == "running"]
    return not running and all(row.accounted_until > until_ - MINUTE for row in site.rows(Heartbeat))


def check(site: Site, until_: datetime) -> None:
    runs, entries = site.rows(Run), site.rows(Entry)
    for heartbeat in site.rows(Heartbeat):
        mine = [run.scheduled_for for run in runs if run.heartbeat_id == heartbeat.id]
        assert [tick for tick, count in Counter(mine).items() if count > 1] == []
        due = cadence_of(heartbeat).between(heartbeat.created_at, until_ - MINUTE)
        assert [tick for tick in due if tick not in mine] == []
        assert heartbeat.period_credits == sum(e.credits for e in entries if e.heartbeat_id == heartbeat.id)
    executed = [run for run in runs if run.status in ("success", "error")]
    settled = Counter(entry.run_id for entry in entries if entry.kind == "settle")
    assert settled == Counter(run.id for run in executed if run.tokens_used)
    assert site.database.read_now(audit) == []
    assert {run.status for run in runs} <= {"success", "skipped"}
    print(Counter((run.status, run.skip_reason) for run in runs))
