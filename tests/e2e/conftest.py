"""A started stack for whoever asks, and none left when the test is over."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.support.embedded import Embedded
from tests.support.model_server import ModelServer

Start = Callable[..., Embedded]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `heartbeat up` (or `verb`) on a data directory of the test's own."""
    with ExitStack() as running:

        def one(*flags: str, **variables: str) -> Embedded:
            return running.enter_context(closing(Embedded(tmp_path / "data", *flags, **variables)))

        yield one


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """A model provider on loopback; its `base_url` goes into OPENAI_BASE_URL."""
    with closing(ModelServer()) as server:
        yield server
