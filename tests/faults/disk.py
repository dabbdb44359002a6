"""Where the files of a stack's store are: on a disk with little room, if that is wanted."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.parts import Shape
from tests.support.small_disk import small_disk

# PostgreSQL alone has sixty from the start, and keeps as many of its log.
MEGABYTES = 300


def disk_in(directory: Path, shape: Shape, running: ExitStack) -> Path:
    """A small disk in a directory, as long as it is `running`; or the directory, where none is wanted or can be had."""
    with suppress(pytest.skip.Exception):
        return running.enter_context(small_disk(directory / "disk", MEGABYTES)) if shape.disk else directory
    return directory


@contextmanager
def short_directory() -> Iterator[Path]:
    """A directory whose path leaves room for the name of a socket."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with TemporaryDirectory(prefix="hbpgf", dir=memory, ignore_cleanup_errors=True) as directory:
        yield Path(directory)
