"""A disk with little room: a small tmpfs, which root alone may mount."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FILLER = "filler"


@contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[Path]:
    """A directory that is a disk of this size; the test is skipped where it cannot be had."""
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(directory)]
    try:
        made = subprocess.run(mount, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no `mount` for a small disk")
    if made.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {made.stderr.strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def fill(disk: Path, leaving: int = 0) -> Path:
    """Write a file until so many bytes are free; it is the caller's to delete."""
    filler = disk / FILLER
    with filler.open("ab", buffering=0) as file:
        while (free := _free(disk) - leaving) > 0:
            try:
                file.write(b"\0" * min(free, 1 << 20))
            except OSError:
                break
    return filler


def _free(disk: Path) -> int:
    return shutil.disk_usage(disk).free
