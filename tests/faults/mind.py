"""The model of the runs: it finds and orders things, and fails in each way of which the corpus knows."""

import json
import threading
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

from tests.support.model_server import Reply, asks, says
from tests.support.providers import CORPUS

# Of a hundred answers; the rest says that all is fine.
FINDS, BOOKS, NOTES, IS_ODD = 20, 20, 15, 20
# A provider that is waited for longer than this keeps runs open when all else is quiet.
LONGEST_WAIT = 10


class Mind:
    """Answers as models do. What it finds and orders has a number of its own in each answer."""

    def __init__(self, seed: int) -> None:
        self._chance, self._number, self._lock = Random(seed), count(1), threading.Lock()
        self._odd = odd_answers()
        self._shares: list[tuple[int, Callable[[int], Reply]]] = [
            (IS_ODD, lambda number: self._odd[number % len(self._odd)]),
            (FINDS, finds),
            (BOOKS, lambda number: asks(("desk__book", {"what": f"Seat {number}"}))),
            (NOTES, lambda number: asks(("desk__note", {"what": f"Note {number}"}))),
        ]

    def __call__(self, request: dict[str, Any]) -> Reply:
        with self._lock:
            number, percent = next(self._number), self._chance.randrange(100)
        has_called = any(message["role"] == "tool" for message in request["messages"])
        has_desk = any(tool["function"]["name"] == "desk__book" for tool in request.get("tools", ()))
        for share, reply in self._shares[: 1 if has_called else len(self._shares) if has_desk else 2]:
            if (percent := percent - share) < 0:
                return reply(number)
        return says("Done." if has_called else "Fine.", 900, 50)


def finds(number: int) -> Reply:
    """A report of one thing that was never found before."""
    finding = {"title": f"Finding {number}.", "severity": "warning", "fingerprint": f"finding-{number}"}
    return asks(("report", {"outcome": "ok", "summary": "Looked.", "findings": [finding]}))


def odd_answers() -> list[Reply]:
    """Each answer of the corpus that does not ask for a long wait."""
    shapes = [json.loads(path.read_text()) for path in sorted((CORPUS / "openai").glob("*.json"))]
    return [
        Reply(shape.get("status", 200), shape.get("text", shape.get("body")), shape.get("headers", {}))
        for shape in shapes
        if shape["expect"].get("wait", 0) <= LONGEST_WAIT
    ]
