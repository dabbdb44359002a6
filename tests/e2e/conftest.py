"""A started stack for whoever asks, and none left when the test is over."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.support.embedded import Embedded, Start


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `heartbeat up` (or `verb`) on a data directory of the test's own."""
    with ExitStack() as running:

        def one(*flags: str, **variables: str) -> Embedded:
            return running.enter_context(closing(Embedded(tmp_path / "data", *flags, **variables)))

        yield one
