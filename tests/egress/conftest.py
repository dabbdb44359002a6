"""Servers on loopback that no guarded request may come to."""

from collections.abc import AsyncIterator

import pytest

from tests.support.peer import Peer, says


@pytest.fixture
async def inside() -> AsyncIterator[list[Peer]]:
    """One server on 127.0.0.1 and one on ::1, on the same port."""
    async with Peer({"*": says()}) as four, Peer({"*": says()}, host="::1", port=four.port) as six:
        yield [four, six]
