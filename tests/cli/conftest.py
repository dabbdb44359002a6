"""The command run in this process, as its entry point runs it."""

import os
import sys

import pytest

from heartbeat.cli import main
from tests.support.commands import Outcome, Run
from tests.support.embedded import OWN


@pytest.fixture
def heartbeat(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `heartbeat …` with the variables given and no other settings."""
    for name in os.environ:
        if name.startswith(OWN):
            monkeypatch.delenv(name)

    def run(*arguments: str, **variables: str) -> Outcome:
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["heartbeat", *arguments])
            with pytest.raises(SystemExit) as left:
                main.main()
        said = capsys.readouterr()
        return Outcome(int(left.value.code or 0), said.out, said.err)

    return run
