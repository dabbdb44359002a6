"""Recorded histories replay, so a changed workflow cannot break runs that are under way.

Those in `before/` were written by earlier versions, and are never recorded again. The others are of today's: `pytest
tests/workflows/record_histories.py` writes them anew after a deliberate change.
"""

import inspect
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

import workflows.agent_run
from tests.support.histories import HISTORIES, RECORDED, replay

WORKFLOWS = Path(workflows.agent_run.__file__).parent
Line = tuple[str, int]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.relative_to(HISTORIES).with_suffix("").as_posix())
async def test_it_replays(path: Path) -> None:
    await replay(RECORDED[path])


async def test_whatever_a_workflow_can_do_is_recorded() -> None:
    """Each way that a run, a delivery or an Upkeep can go and end is a line of their code: all of them are replayed."""
    with lines_run() as replayed:
        for history in RECORDED.values():
            await replay(history)
    code = {line for file in WORKFLOWS.glob("*.py") for line in lines_of(file)}
    assert sorted(code - replayed) == []
    assert sorted(replayed - code) == []


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
