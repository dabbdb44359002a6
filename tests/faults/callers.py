"""Callers that ask again, with the same key, until they have an answer."""

import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import httpx

from heartbeat.domain.ids import new_id
from tests.faults.canaries import Canaries

# Of a request without an answer nobody knows more after this.
ANSWER_SECONDS = 10.0
PAUSE_SECONDS = 0.3
ASK_AGAIN = {429, 503}
# Longer than all faults that come one after the other.
ASK_SECONDS = 300.0
# Somebody else was first: the run that asked is over.
TOO_LATE = "already_decided"


@dataclass
class Accepted:
    """What the API has said yes to. Each is asked for once, however often the request was sent."""

    triggers: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)
    prompts: dict[str, str] = field(default_factory=dict)
    decisions: dict[str, str] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0
    unexpected: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return self.answers.total() + self.unanswered


class Caller:
    """Somebody who asks one API of a project after the other; `accepted` is shared with others."""

    def __init__(self, clients: list[httpx.Client], project: str, accepted: Accepted, canaries: Canaries) -> None:
        self._clients, self._project = cycle(clients), project
        self._accepted, self._canaries = accepted, canaries

    def ask(self, call: str, **body: Any) -> dict[str, Any] | None:
        """Ask until there is an answer: empty if that to what was done was lost, `None` if it was refused."""
        key, end = new_id("key"), time.monotonic() + ASK_SECONDS
        while time.monotonic() < end:
            answer = self._once("POST", call, json=body, headers={"idempotency-key": key})
            if answer is not None and answer.is_success:
                return dict(answer.json())
            code = answer.json()["error"]["code"] if answer is not None else None
            if code == "idempotency_answer_lost":
                return {}
            if answer is not None and answer.status_code not in ASK_AGAIN and code != "idempotency_in_progress":
                if code != TOO_LATE:
                    self._accepted.unexpected.append(f"{call}: {answer.status_code} {answer.text[:200]}")
                return None
            time.sleep(PAUSE_SECONDS)
        raise AssertionError(f"{call} had no answer within {ASK_SECONDS} s")

    def asked(self, call: str, **body: Any) -> dict[str, Any]:
        """The answer to what must be done before anything is broken."""
        answer = self.ask(call, **body)
        assert answer, (call, self._accepted.unexpected)
        return answer

    def read(self, call: str, **which: Any) -> dict[str, Any]:
        """What is there, or nothing where there is no answer."""
        answer = self._once("GET", call, params=which)
        return dict(answer.json()) if answer is not None and answer.is_success else {}

    def _once(self, method: str, call: str, **request: Any) -> httpx.Response | None:
        where = "json" if "json" in request else "params"
        request[where] = {"project_id": self._project, **request[where]}
        try:
            answer = next(self._clients).request(method, f"/v1/bot/{call}", **request)
        except httpx.TransportError:
            self._accepted.unanswered += 1
            return None
        self._accepted.answers[answer.status_code] += 1
        self._canaries.look_for(f"an answer of {call}", [answer.content])
        return answer
