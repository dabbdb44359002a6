"""A way from a part to another does what its fault says, and goes again once it is healed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.faults.links import Links
from tests.support.patience import PATIENCE, wait_until

SILENCE_SECONDS = 0.05


class Echo:
    """Says back what it hears, and keeps it."""

    def __init__(self) -> None:
        self.heard = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._socket.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                while content := connection.recv(1000):
                    self.heard += content
                    connection.sendall(content)
            except OSError:
                return


@pytest.fixture
def echo() -> Iterator[Echo]:
    with closing(Echo()) as server:
        yield server


@pytest.fixture
def links() -> Iterator[Links]:
    with closing(Links()) as made:
        yield made


@pytest.fixture
def caller(echo: Echo, links: Links) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", links.add("way", echo.address)), PATIENCE) as connection:
        assert said(connection, b"hello") == b"hello"
        yield connection


def said(connection: socket.socket, words: bytes) -> bytes:
    connection.sendall(words)
    return connection.recv(1000)


def answers_nothing(connection: socket.socket) -> bool:
    connection.settimeout(SILENCE_SECONDS)
    try:
        return not connection.recv(1000)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(PATIENCE)


@pytest.mark.parametrize("fault", ["delay", "throttle"])
def test_what_is_slow_arrives(fault: str, links: Links, caller: socket.socket) -> None:
    links.break_("way", fault)
    assert said(caller, b"again") == b"again"


def test_a_reset_is_told(links: Links, caller: socket.socket) -> None:
    links.break_("way", "reset")
    with pytest.raises(ConnectionResetError):
        said(caller, b"again")


@pytest.mark.parametrize(("fault", "arrives"), [("black hole", b"hello"), ("half-open", b"helloagain")])
def test_what_is_swallowed_is_told_once_it_is_healed(
    fault: str, arrives: bytes, echo: Echo, links: Links, caller: socket.socket
) -> None:
    links.break_("way", fault)
    caller.sendall(b"again")
    assert answers_nothing(caller)
    wait_until(lambda: echo.heard == arrives)
    links.heal("way")
    with pytest.raises(ConnectionResetError):
        caller.recv(1000)


def test_a_way_that_is_healed_goes_again(echo: Echo, links: Links) -> None:
    port = links.add("way", echo.address)
    links.break_("way", "black hole")
    links.heal("way")
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        assert said(connection, b"hello") == b"hello"
