"""A tool server that wants to be signed in to, and where one signs in."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.support.authorization_server import AuthorizationServer
from tests.support.tool_server import ToolServer


@pytest.fixture
def authorization() -> Iterator[AuthorizationServer]:
    with contextlib.closing(AuthorizationServer()) as server:
        yield server


@pytest.fixture
def guarded_desk(authorization: AuthorizationServer) -> Iterator[ToolServer]:
    with contextlib.closing(ToolServer(authorization=authorization)) as server:
        yield server
