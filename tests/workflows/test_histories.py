"""Recorded histories replay, so a changed workflow cannot break runs that are under way.

Those in `before/` were written by earlier versions, and are never recorded again. The others are of today's: `pytest
tests/workflows/record_histories.py` writes them anew after a deliberate change.
"""

import inspect
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

import workflows.agent_run
from tests.support.activity_options import ActivityOptions, Options
from tests.support.histories import HISTORIES, RECORDED, recorded, replay

WORKFLOWS = Path(workflows.agent_run.__file__).parent
ACTIVITIES = Path(__file__).with_name("activities.json")
Line = tuple[str, int]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.relative_to(HISTORIES).with_suffix("").as_posix())
async def test_it_replays(path: Path) -> None:
    await replay(recorded(path))


@dataclass
class Replayed:
    """The lines that all recorded histories run through, and the activities that they ask for."""

    lines: set[Line]
    activities: Options


@pytest.fixture(scope="module")
async def replayed() -> Replayed:
    options = ActivityOptions()
    with lines_run() as lines:
        for path in RECORDED:
            await replay(recorded(path), options)
    return Replayed(lines, options.sorted())


async def test_whatever_a_workflow_can_do_is_recorded(replayed: Replayed) -> None:
    """Each way that a run, a delivery or an Upkeep can go and end is a line of their code: all of them are replayed."""
    code = {line for file in WORKFLOWS.glob("*.py") for line in lines_of(file)}
    assert sorted(code - replayed.lines) == []
    assert sorted(replayed.lines - code) == []


async def test_activities_are_asked_for_as_before(replayed: Replayed) -> None:
    """A replay does not look at arguments, timeouts and retries, and workers of two versions share what is asked for.

    After a deliberate change: `WRITE_ACTIVITIES=1 pytest tests/workflows/test_histories.py`, and read the difference.
    """
    if "WRITE_ACTIVITIES" in os.environ:
        ACTIVITIES.write_text(json.dumps(replayed.activities, indent=2) + "\n")
    assert replayed.activities == json.loads(ACTIVITIES.read_text())


def lines_of(file: Path) -> Iterator[Line]:
    """The lines of a file's functions."""
    for function in functions(compile(file.read_text(), str(file), "exec")):
        yield from ((file.name, line) for _, _, line in function.co_lines() if line and line != function.co_firstlineno)


def functions(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            # Neither a module nor the body of a class, which run when they are imported.
            if constant.co_flags & inspect.CO_OPTIMIZED:
                yield constant
            yield from functions(constant)


@contextmanager
def lines_run() -> Iterator[set[Line]]:
    """The lines of workflows that threads run which begin in the body, as those of a replayer do."""
    lines: set[Line] = set()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        file = Path(frame.f_code.co_filename)
        if file.parent != WORKFLOWS:
            return None
        if event == "line" and frame.f_lineno != frame.f_code.co_firstlineno:
            lines.add((file.name, frame.f_lineno))
        return trace

    threading.settrace(trace)
    try:
        yield lines
    finally:
        threading.settrace(sys.gettrace())
