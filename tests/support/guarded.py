"""What no guarded request may come to: servers on loopback, and a name that changes its address."""

from collections.abc import AsyncIterator, Sequence

import pytest

from tests.support.peer import Peer, says


@pytest.fixture
async def inside() -> AsyncIterator[list[Peer]]:
    """One server on 127.0.0.1 and one on ::1, on the same port."""
    async with Peer({"*": says()}) as four, Peer({"*": says()}, host="::1", port=four.port) as six:
        yield [four, six]


class Rebinding:
    """Gives one answer the first time it is asked, another from then on."""

    def __init__(self, first: str, then: str) -> None:
        self.answers = [first]
        self._then = then

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        answer = self.answers[-1]
        self.answers.append(self._then)
        return [answer]
