"""PostgreSQL's data directory is destroyed under load and goes back to a moment; Temporal is as old, newer, or older.

It needs minutes of real clock for its ticks, so it runs on its own: `make test-recovery`.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from heartbeat.store.credits.audit import audit
from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from tests.support.archived_postgres import documented
from tests.support.model_server import ModelServer
from tests.support.patience import wait_until
from tests.support.recovery_scene import MINUTE, SECONDS, TICKING, Scene
from tests.support.recovery_site import Moment, RecoverySite

pytestmark = pytest.mark.outage


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="hbrec", dir=memory) as home, closing(ModelServer()) as model:
        site = RecoverySite(Path(home), model)
        try:
            yield Scene(site, model)
        finally:
            site.http.close()
            site.postgres.destroy()


@dataclass(frozen=True)
class Recovered:
    """What is there once a database and a Temporal, each of a moment, have gone on together."""

    scene: Scene
    moment: Moment
    said: str
    began: datetime

    def check(self) -> None:
        """What holds whatever Temporal knew."""
        runs, heartbeats = self.scene.site.rows(Run), self.scene.site.rows(Heartbeat)
        with closing(Database(self.scene.site.postgres.url)) as database:
            assert database.read_now(audit) == []
        self._check_what_was_accepted(heartbeats)
        for heartbeat in heartbeats:
            self._check_ticks(heartbeat, [run for run in runs if run.heartbeat_id == heartbeat.id])
        now = {run.uuid: (run.status, run.credits_charged) for run in runs}
        assert {uuid: now.get(uuid) for uuid in self.moment.ended} == self.moment.ended
        assert {run.credits_held for run in runs} == {0}
        settled = Counter((e.run_id, e.step) for e in self.scene.site.rows(Entry) if e.kind == "settle")
        assert [step for step, times in settled.items() if times > 1] == []
        print(self.moment.name, Counter((run.status, run.skip_reason, run.error_code) for run in runs))

    def _check_what_was_accepted(self, heartbeats: list[Heartbeat]) -> None:
        assert len(self.moment.prompts) == TICKING
        prompts = {row.uuid: row.prompt for row in heartbeats}
        versions = {uuid: int(prompts[uuid].split()[-1]) for uuid in self.moment.prompts}
        lost = {uuid: number for uuid, number in self.moment.prompts.items() if versions[uuid] < number}
        assert lost == {}
        assert all(heartbeat.restored_at is not None for heartbeat in heartbeats)

    def _check_ticks(self, heartbeat: Heartbeat, runs: list[Run]) -> None:
        """Each has one log; of those while the database was away, one ran at most."""
        logs = {run.scheduled_for: run for run in runs if run.scheduled_for}
        assert len(logs) == len([run for run in runs if run.scheduled_for])
        due = cadence_of(heartbeat).between(heartbeat.created_at, self.began)
        if heartbeat.uuid != self.scene.changed:
            assert [tick for tick in due if tick not in logs] == []
        away = [run for tick, run in logs.items() if self.moment.time < tick < self.began - MINUTE]
        assert len([run for run in away if run.skip_reason != "missed"]) <= 1, away


@contextmanager
def recovered(scene: Scene, moment: Moment, temporal: Moment) -> Iterator[Recovered]:
    """Put them back as docs/operations.md says; what is read of it is read while it runs."""
    site = scene.site
    site.postgres.destroy()
    site.postgres.go_back(moment.time)
    site.put_temporal_back(temporal.temporal)
    with site.running_temporal():
        said = ""
        for line in documented()[-1].splitlines():
            done = wait_until(partial(site.command, *line.split()[1:]), lambda done: "Stop all" not in done.err)
            assert done.code == 0, done
            said += done.out
        print(said)
        with site.running():
            yield Recovered(scene, moment, said, datetime.now(UTC))


def quiet(scene: Scene, began: datetime) -> bool:
    return scene.accounted(began + MINUTE) and all(run.finished_at for run in scene.site.rows(Run))


def goes_on(scene: Scene, back: Recovered) -> None:
    back.check()
    result = scene.site.post("heartbeat/trigger", bot_id=scene.bot, heartbeat_id=scene.ticking[0])["result"]
    assert result["status"] == "success"
    assert scene.asked("Slow") == 1


def test_temporal_is_of_the_same_moment(scene: Scene) -> None:
    with recovered(scene, scene.a, scene.a) as back:
        assert "What was changed, run and charged since the backup is lost" in back.said
        assert scene.run(scene.slow).error_code == "restored"
        scene.decide()
        wait_until(lambda: quiet(scene, back.began), seconds=SECONDS)
        assert scene.run(scene.first).status == "success"
        goes_on(scene, back)


def test_temporal_is_newer(scene: Scene) -> None:
    with recovered(scene, scene.a, scene.newest) as back:
        assert f"{scene.later}  deleted: no heartbeat has this schedule" in back.said
        assert f"{scene.changed}  put: the database went back from version" in back.said
        assert "ended: the database has lost the run of" in back.said
        wait_until(lambda: quiet(scene, back.began), seconds=SECONDS)
        assert scene.run(scene.slow).error_code == "restored"
        assert scene.run(scene.first).error_code == "workflow_completed"
        goes_on(scene, back)


def test_temporal_is_older(scene: Scene) -> None:
    with recovered(scene, scene.b, scene.a) as back:
        assert f"{scene.later}  created: its schedule was gone" in back.said
        assert f"{scene.changed}  put: " in back.said
        assert "is over in the database" in back.said
        wait_until(lambda: quiet(scene, back.began), seconds=SECONDS)
        assert scene.run(scene.slow).status == scene.run(scene.first).status == "success"
        assert scene.run(scene.second).error_code == "workflow_gone"
        goes_on(scene, back)
