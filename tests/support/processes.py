"""Processes of the product, forked from one that has imported it: to import it takes each one or two seconds."""

import importlib
import multiprocessing
import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from heartbeat.store.migrations import migrate
from tests.support.commands import Outcome
from tests.support.embedded import OWN
from tests.support.machine_clock import move_clock
from tests.support.patience import PATIENCE

COMMAND = "heartbeat.cli.main"
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.support.preloaded"])


def start(module: str, *arguments: str, output: Path, **variables: str) -> BaseProcess:
    """Run `main()` of a module with these variables and no others of its settings.

    `output` is a directory, where the files `out` and `err` get what it writes. CLOCK_AHEAD among the variables is how
    many seconds its clock is.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OWN)} | variables
    process = FORKS.Process(target=_main, args=(module, arguments, environment, output), daemon=True)
    process.start()
    return process


def migrating(url: str) -> BaseProcess:
    """A process that brings a database to the newest schema."""
    process = FORKS.Process(target=migrate.upgrade, args=(url,), daemon=True)
    process.start()
    return process


def run_command(*arguments: str, **variables: str) -> Outcome:
    """Run `heartbeat …` to its end."""
    with TemporaryDirectory() as directory:
        output = Path(directory)
        process = start(COMMAND, *arguments, output=output, **variables)
        process.join(PATIENCE)
        assert process.exitcode is not None, "it still runs"
        return Outcome(process.exitcode, (output / "out").read_text(), (output / "err").read_text())


def _main(module: str, arguments: tuple[str, ...], environment: Mapping[str, str], output: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(output / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    if ahead := os.environ.pop("CLOCK_AHEAD", None):
        move_clock(pytest.MonkeyPatch(), timedelta(seconds=float(ahead)))
    sys.argv = ["heartbeat", *arguments]
    importlib.import_module(module).main()
