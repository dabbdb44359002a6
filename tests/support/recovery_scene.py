"""What happens on a site before, between and after two moments, until its database's directory is destroyed."""

import json
import shutil
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Approval, Run
from tests.support.model_server import ModelServer, Reply, asks, says
from tests.support.parked_runs import REPORT
from tests.support.patience import wait_until
from tests.support.recovery_site import Load, Moment, RecoverySite, prompt_of
from tests.support.seeds import YEARLY

TICKING = 3
MINUTE = timedelta(minutes=1)
# Of a clock that cannot be moved: the processes' own.
SECONDS = 300


class Scene:
    """What happens before, between and after the two moments to which the database will go back."""

    def __init__(self, site: RecoverySite, model: ModelServer) -> None:
        self.site, self._model, self._answer = site, model, threading.Event()
        model.reply = self._reply
        with site.running_temporal(), site.running():
            self._make()
            site.postgres.back_up()
            with closing(Load(site, self.bot, self.ticking)):
                self._until_a_tick_later()
                self.slow = site.post("heartbeat/trigger", **self._of(self.under_way), wait=False)["result"]["log_id"]
                wait_until(lambda: self.asked("Slow") == 1)
                self.first = self._parked("Costly first")
                self.a = site.moment("a")
                self._answer.set()
                self._between()
                self._until_a_tick_later()
                self.b = site.moment("b")
                self._until_a_tick_later()
                site.postgres.archive_everything()
                site.postgres.destroy()
        self.newest = Moment("newest", datetime.now(UTC), site.home / "temporal-newest.db", {}, {})
        shutil.copy(site.home / "temporal.db", self.newest.temporal)
        for log in site.home.glob("temporal.db-*"):
            shutil.copy(log, f"{self.newest.temporal}{log.name.removeprefix('temporal.db')}")

    def asked(self, prompt: str) -> int:
        """How often the model was asked in runs of this prompt."""
        return sum(prompt in json.dumps(request["messages"]) for request in list(self._model.requests))

    def decide(self) -> None:
        """Give the run that waits the credits that it asks for."""
        [approval] = [row for row in self.site.rows(Approval) if row.state == "pending"]
        self.site.post("approval/decide", bot_id=self.bot, approval_id=approval.uuid, decision="approve")

    def run(self, uuid: str) -> Run:
        [run] = [run for run in self.site.rows(Run) if run.uuid == uuid]
        return run

    def _make(self) -> None:
        self.bot = self.site.post("create", name="Night watch", heartbeat=1)["bot"]["uuid"]
        self.ticking = [self._heartbeat(prompt_of(0), "* * * * *", number) for number in range(TICKING)]
        self.changed = self._heartbeat("Changes its cadence", "* * * * *")
        self.under_way = self._heartbeat("Slow")
        self.site.post("heartbeat/trigger", **self._of(self._heartbeat("Tells what one costs")))
        self._cap = max(entry.held for entry in self.site.rows(Entry))

    def _between(self) -> None:
        """What a database that goes back to the first moment does not know."""
        wait_until(lambda: self.run(self.slow).status == "success")
        self.decide()
        wait_until(lambda: self.run(self.first).status == "success")
        self.second = self._parked("Costly second")
        self.later = self._heartbeat("Made later", "* * * * *")
        self._configure("Changes its cadence", YEARLY, uuid=self.changed)

    def _parked(self, prompt: str) -> str:
        heartbeat = self._heartbeat(prompt, max_credits_per_run=self._cap)
        log: str = self.site.post("heartbeat/trigger", **self._of(heartbeat), wait=False)["result"]["log_id"]
        wait_until(lambda: any(row.state == "pending" for row in self.site.rows(Approval)))
        return log

    def _heartbeat(self, prompt: str, cron: str = YEARLY, number: int = 0, **fields: Any) -> str:
        return self._configure(f"{prompt}{' ' * number}", cron, **fields)

    def _configure(self, prompt: str, cron: str, **fields: Any) -> str:
        fields |= {"bot_id": self.bot, "prompt": prompt, "cron_pattern": cron, "enabled": True}
        made = self.site.post("heartbeat/configure", **fields)
        uuid: str = made["heartbeat"]["uuid"]
        return uuid

    def _of(self, heartbeat: str) -> dict[str, str]:
        return {"bot_id": self.bot, "heartbeat_id": heartbeat}

    def _until_a_tick_later(self) -> None:
        """Until each heartbeat that ticks is accounted for a minute that has begun only now."""
        end = datetime.now(UTC) + MINUTE
        wait_until(lambda: self.accounted(end), seconds=SECONDS)

    def accounted(self, until: datetime) -> bool:
        rows = [row for row in self.site.rows(Heartbeat) if row.uuid in self.ticking]
        return bool(rows) and all(row.accounted_until > until for row in rows)

    def _reply(self, request: dict[str, Any]) -> Reply:
        messages = request["messages"]
        text = json.dumps(messages)
        if "Slow" in text:
            return Reply(body=says("Fine.", 900, 50).body, wait_for=self._answer)
        if "Costly" in text and not any(message["role"] == "tool" for message in messages):
            return asks(REPORT, input_tokens=1000 * self._cap)
        return says("Fine.", 900, 50)
