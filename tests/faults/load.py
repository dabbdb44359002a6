"""Who uses the product while it is broken: callers that ask again, with the same key, until they have an answer."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import httpx

from heartbeat.domain.ids import new_id

# Of a request without an answer nobody knows more after this.
ANSWER_SECONDS = 10.0
PAUSE_SECONDS = 0.3
# No bot takes more than fifty.
TASKS_A_BOT = 25
ASK_AGAIN = {429, 503}
# Longer than all faults that come one after the other.
ASK_SECONDS = 300.0
CADENCE = {"cron_pattern": "* * * * *", "enabled": True, "max_consecutive_errors": 1000}


@dataclass
class Accepted:
    """What the API has said yes to. Each is asked for once, however often the request was sent."""

    triggers: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)
    prompts: dict[str, str] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0
    unexpected: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return self.answers.total() + self.unanswered


class Caller:
    """Somebody who asks one API of a project after the other; `accepted` is shared with others."""

    def __init__(self, clients: list[httpx.Client], project: str, accepted: Accepted) -> None:
        self._clients, self._project, self._accepted = cycle(clients), project, accepted

    def ask(self, call: str, **body: Any) -> dict[str, Any] | None:
        """Ask until there is an answer: empty if that to what was done was lost, `None` if it was refused."""
        key, end = new_id("key"), time.monotonic() + ASK_SECONDS
        while time.monotonic() < end:
            answer = self._once(call, key, body)
            if answer is not None and answer.is_success:
                return dict(answer.json())
            code = answer.json()["error"]["code"] if answer is not None else None
            if code == "idempotency_answer_lost":
                return {}
            if answer is not None and answer.status_code not in ASK_AGAIN and code != "idempotency_in_progress":
                self._accepted.unexpected.append(f"{call}: {answer.status_code} {answer.text[:200]}")
                return None
            time.sleep(PAUSE_SECONDS)
        raise AssertionError(f"{call} had no answer within {ASK_SECONDS} s")

    def _once(self, call: str, key: str, body: dict[str, Any]) -> httpx.Response | None:
        try:
            sent = {"project_id": self._project, **body}
            answer = next(self._clients).post(f"/v1/bot/{call}", json=sent, headers={"idempotency-key": key})
        except httpx.TransportError:
            self._accepted.unanswered += 1
            return None
        self._accepted.answers[answer.status_code] += 1
        return answer


class Load:
    """Callers in threads of their own, from `start` to `stop`: one triggers, one makes tasks, one edits."""

    def __init__(self, clients: list[Callable[[], httpx.Client]], project: str, heartbeats: int) -> None:
        self.accepted = Accepted()
        self._clients, self._project = clients, project
        self._over = threading.Event()
        self._problems: list[BaseException] = []
        with ExitStack() as opened:
            self._make(self._caller(opened), heartbeats)
        work = (self._trigger, self._make_task, self._edit)
        self._threads = [threading.Thread(target=self._repeat, args=(one,), daemon=True) for one in work]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, tend: Callable[[], object]) -> None:
        """Send nothing new, and wait for the answers to what was sent."""
        self._over.set()
        while any(thread.is_alive() for thread in self._threads):
            tend()
            time.sleep(PAUSE_SECONDS)
        assert not self._problems, self._problems

    def _make(self, caller: Caller, heartbeats: int) -> None:
        self._bot = self._bot_of_tasks = asked(caller, "create", name="Faults", heartbeat=1)["bot"]["uuid"]
        self._heartbeats = [
            asked(caller, "heartbeat/configure", bot_id=self._bot, prompt=f"Watch {number}", **CADENCE)["heartbeat"][
                "uuid"
            ]
            for number in range(heartbeats)
        ]

    def _caller(self, opened: ExitStack) -> Caller:
        clients = [opened.enter_context(client()) for client in self._clients]
        return Caller(clients, self._project, self.accepted)

    def _repeat(self, work: Callable[[Caller, int], None]) -> None:
        with ExitStack() as opened:
            caller, number = self._caller(opened), 0
            try:
                while not self._over.wait(PAUSE_SECONDS):
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


def asked(caller: Caller, call: str, **body: Any) -> dict[str, Any]:
    """The answer to what must be done before anything is broken."""
    answer = caller.ask(call, **body)
    assert answer, call
    return answer
