"""A process of the product with a clock of its own, which libfaketime steps while it runs."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.embedded import OWN

# Where Debian's package `libfaketime` has it.
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
ROOT = Path(__file__).parents[2]


class OwnClock:
    """`python -m` of a module; the monotonic clock goes on as it is, as it does where somebody sets the other one."""

    def __init__(self, module: str, output: Path, variables: dict[str, str]) -> None:
        output.mkdir()
        self._command, self._output, self._clock = [sys.executable, "-m", module], output, output / "clock"
        faked = {"LD_PRELOAD": str(LIBRARIES[0]), "FAKETIME_TIMESTAMP_FILE": str(self._clock), "FAKETIME_NO_CACHE": "1"}
        others = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
        self._environment = others | variables | faked | {"DONT_FAKE_MONOTONIC": "1"}
        self.step(0)
        self.start()

    def step(self, seconds: float) -> None:
        """Set the clock so far ahead of the true one; 0 sets it right. Whoever reads it meanwhile finds it whole."""
        written = self._clock.with_suffix(".new")
        written.write_text(f"{seconds:+g}s\n")
        written.rename(self._clock)

    def start(self) -> None:
        with (self._output / "out").open("ab") as out, (self._output / "err").open("ab") as err:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def pids(self) -> list[int]:
        return [self.pid]

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None
