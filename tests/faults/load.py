"""Who uses the product while it is broken: heartbeats, triggers, tasks, edits and a person who approves."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx

from tests.faults.callers import PAUSE_SECONDS, Accepted, Caller
from tests.faults.outside import Outside

# No bot takes more than fifty.
TASKS_A_BOT = 25
# Each fourth call that waits is denied.
DENIED = 4
CADENCE = {"cron_pattern": "* * * * *", "enabled": True, "max_consecutive_errors": 1000}
DECISIONS = {"approve": "approved", "deny": "denied"}


class Load:
    """Callers in threads of their own, from `start` on: they trigger, make tasks and edit until `stop`.

    The one who approves goes on until `close`, for runs wait for that.
    """

    def __init__(
        self,
        clients: list[Callable[[], httpx.Client]],
        project: str,
        outside: Outside,
        addresses: dict[str, str],
        heartbeats: int,
    ) -> None:
        self.accepted = Accepted()
        self._clients, self._project, self._canaries = clients, project, outside.canaries
        self._over, self._closed = threading.Event(), threading.Event()
        self._problems: list[BaseException] = []
        with ExitStack() as opened:
            self._make(self._caller(opened), addresses, heartbeats)
        works = (self._trigger, self._make_task, self._edit)
        self._threads = [self._thread(one, self._over) for one in works]
        self._person = self._thread(self._decide, self._closed)

    def start(self) -> None:
        for thread in (*self._threads, self._person):
            thread.start()

    def stop(self, tend: Callable[[], object]) -> None:
        """Send nothing new, and wait for the answers to what was sent."""
        self._over.set()
        while any(thread.is_alive() for thread in self._threads):
            tend()
            time.sleep(PAUSE_SECONDS)
        assert not self._problems, self._problems

    def close(self) -> None:
        self._over.set()
        self._closed.set()
        if self._person.is_alive():
            self._person.join()

    def _make(self, caller: Caller, addresses: dict[str, str], heartbeats: int) -> None:
        webhook = {"url": addresses["inbox"], "secret": self._canaries.webhook}
        caller.asked("notification/target/create", channel="webhook", config=webhook, cooldown_seconds=0)
        self._bot = self._bot_of_tasks = caller.asked("create", name="Faults", heartbeat=1)["bot"]["uuid"]
        server = {"server_label": "desk", "server_url": addresses["desk"], "transport": "http"}
        headers = {"x-desk": self._canaries.header_of_the_desk}
        caller.asked("tool", bot_id=self._bot, require_approval=["book"], headers=headers, **server)
        self._heartbeats = [self._heartbeat(caller, number, addresses) for number in range(heartbeats)]

    def _heartbeat(self, caller: Caller, number: int, addresses: dict[str, str]) -> str:
        """The first one looks at a page before its ticks."""
        look = {"url": addresses["inbox"], "headers": {"x-page": self._canaries.header_of_the_gate}}
        gate = {} if number else {"gate": look}
        made = caller.asked("heartbeat/configure", bot_id=self._bot, prompt=f"Watch {number}", **CADENCE, **gate)
        return str(made["heartbeat"]["uuid"])

    def _caller(self, opened: ExitStack) -> Caller:
        clients = [opened.enter_context(client()) for client in self._clients]
        return Caller(clients, self._project, self.accepted, self._canaries)

    def _thread(self, work: Callable[[Caller, int], None], over: threading.Event) -> threading.Thread:
        return threading.Thread(target=self._repeat, args=(work, over), daemon=True)

    def _repeat(self, work: Callable[[Caller, int], None], over: threading.Event) -> None:
        with ExitStack() as opened:
            caller, number = self._caller(opened), 0
            try:
                while not over.wait(PAUSE_SECONDS):
                    work(caller, number := number + 1)
            except BaseException as problem:
                self._problems.append(problem)

    def _trigger(self, caller: Caller, number: int) -> None:
        heartbeat = self._heartbeats[number % len(self._heartbeats)]
        answer = caller.ask("heartbeat/trigger", bot_id=self._bot, heartbeat_id=heartbeat, wait=False)
        if answer:
            self.accepted.triggers[answer["result"]["log_id"]] = heartbeat

    def _make_task(self, caller: Caller, number: int) -> None:
        name, schedule = f"Task {number}", {"schedule_type": "once", "schedule_config": {"in_minutes": 60}}
        if number % TASKS_A_BOT == 0 and (made := caller.ask("create", name=f"Bot {number}", heartbeat=1)):
            self._bot_of_tasks = made["bot"]["uuid"]
        answer = caller.ask("task/create", bot_id=self._bot_of_tasks, name=name, prompt=name, **schedule)
        if answer is not None:
            self.accepted.tasks[name] = name

    def _edit(self, caller: Caller, number: int) -> None:
        heartbeat, prompt = self._heartbeats[number % len(self._heartbeats)], f"Watch, version {number}"
        fields = {"uuid": heartbeat, "prompt": prompt, **CADENCE}
        if caller.ask("heartbeat/configure", bot_id=self._bot, **fields) is not None:
            self.accepted.prompts[heartbeat] = prompt

    def _decide(self, caller: Caller, number: int) -> None:
        waiting = caller.read("approval/readall", bot_id=self._bot, state="pending", per_page=100)
        for approval in waiting.get("approvals", ()):
            decision = "approve" if len(self.accepted.decisions) % DENIED else "deny"
            fields: dict[str, Any] = {"approval_id": approval["uuid"], "decision": decision}
            if caller.ask("approval/decide", bot_id=self._bot, **fields) is not None:
                self.accepted.decisions[approval["uuid"]] = DECISIONS[decision]
