"""A process that is left behind is found, however it was started, and one that ended is not."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.faults.descent import Descent, family, title_of
from tests.support.patience import wait_until

# A shell with a child that is not its last command, so that there are two processes.
COMMAND = ["sh", "-c", "sleep 600; true"]


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(COMMAND) as process:
        wait_until(lambda: len(family([process.pid])) == 2)
        yield process
        process.kill()


def test_an_orphan_is_left(parent: subprocess.Popen[bytes]) -> None:
    descent = Descent()
    descent.look([parent.pid])
    wait_until(lambda: title_of(family([parent.pid])[1]) == "sleep 600")
    descent.look([parent.pid])
    assert descent.left([parent.pid]) == []
    orphan = family([parent.pid])[1]
    parent.kill()
    parent.wait()
    try:
        assert descent.left([]) == [f"sleep 600 ({orphan}) is left"]
    finally:
        os.kill(orphan, signal.SIGKILL)
    wait_until(lambda: descent.left([]) == [])
