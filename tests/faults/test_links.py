"""A way from a part to another does what its fault says, and goes again once it is healed."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

import pytest

from tests.faults.links import DELAY_SECONDS, FAULTS, THROTTLED, THROTTLED_SECONDS, Links
from tests.support.patience import PATIENCE, wait_until

# So many pieces of what is throttled that no delay takes as long.
SENT = bytes(range(256)) * 2 * 10


class Echo:
    """Says back what it hears, and keeps it."""

    def __init__(self) -> None:
        self.heard, self.resets = b"", 0
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
            except ConnectionResetError:
                self.resets += 1
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


@dataclass(frozen=True)
class Seen:
    """How many of the bytes that were sent the server heard, how many came back, and how long that took."""

    heard: int
    back: int
    seconds: float


def observe(caller: socket.socket, echo: Echo, links: Links) -> Seen:
    """Send `SENT`, and see what becomes of it until none of it is on its way any more."""
    began, link = time.monotonic(), links.all["way"]
    heard, gone = len(echo.heard), link.passed + link.swallowed
    caller.sendall(SENT)
    wait_until(lambda: (link.passed + link.swallowed - gone)["forth"] == len(SENT))
    forth = link.passed["forth"] - gone["forth"]
    wait_until(lambda: len(echo.heard) - heard == forth)
    wait_until(lambda: (link.passed + link.swallowed - gone)["back"] == forth)
    back = link.passed["back"] - gone["back"]
    came = b""
    while len(came) < back:
        came += caller.recv(back)
    seconds = time.monotonic() - began
    assert came == SENT[: len(came)]
    return Seen(len(echo.heard) - heard, len(came) + unread(caller), seconds)


def unread(connection: socket.socket) -> int:
    """What is there and should not be."""
    connection.setblocking(False)
    try:
        with suppress(BlockingIOError):
            return len(connection.recv(1000))
        return 0
    finally:
        connection.settimeout(PATIENCE)


ALL, PIECES = len(SENT), len(SENT) // THROTTLED
# What shows each of them, and in no case the others: but for how long it took at least.
SHOWN: dict[str, Callable[[Seen], bool]] = {
    "": lambda seen: (seen.heard, seen.back) == (ALL, ALL),
    "delay": lambda seen: (seen.heard, seen.back) == (ALL, ALL) and seen.seconds >= 2 * DELAY_SECONDS,
    "throttle": lambda seen: (seen.heard, seen.back) == (ALL, ALL) and seen.seconds >= PIECES * THROTTLED_SECONDS,
    "black hole": lambda seen: (seen.heard, seen.back) == (0, 0),
    "half-open": lambda seen: (seen.heard, seen.back) == (ALL, 0),
}


@pytest.mark.parametrize("fault", SHOWN)
def test_a_link_does_what_its_fault_says(fault: str, echo: Echo, links: Links, caller: socket.socket) -> None:
    links.break_("way", fault)
    seen = observe(caller, echo, links)
    assert SHOWN[fault](seen), seen
    assert links.had_effect("way") == bool(fault)
    if fault in ("black hole", "half-open"):
        assert [name for name, shows in SHOWN.items() if shows(seen)] == [fault]


@pytest.mark.parametrize(("fault", "seconds"), [("delay", 0.0), ("throttle", DELAY_SECONDS)])
def test_what_is_not_slow_enough_shows_no_fault(fault: str, seconds: float) -> None:
    assert not SHOWN[fault](Seen(ALL, ALL, seconds))


def test_every_fault_of_a_link_is_shown() -> None:
    assert {"", *FAULTS} == SHOWN.keys() | {"reset"}


def test_a_reset_is_told_to_both_and_the_next_connection_goes(echo: Echo, links: Links, caller: socket.socket) -> None:
    links.break_("way", "reset")
    with pytest.raises(ConnectionResetError):
        said(caller, b"again")
    wait_until(lambda: echo.resets == 1)
    assert links.had_effect("way")
    with socket.create_connection(links.all["way"].address, PATIENCE) as another:
        assert said(another, b"again") == b"again"


@pytest.mark.parametrize("fault", ["black hole", "half-open"])
def test_what_was_swallowed_is_told_once_it_is_healed(
    fault: str, echo: Echo, links: Links, caller: socket.socket
) -> None:
    links.break_("way", fault)
    observe(caller, echo, links)
    links.heal("way")
    with pytest.raises(ConnectionResetError):
        caller.recv(1000)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_met_nothing_had_no_effect(fault: str, echo: Echo, links: Links) -> None:
    links.add("way", echo.address)
    links.break_("way", fault)
    assert not links.had_effect("way")


def test_a_way_that_is_healed_goes_again(echo: Echo, links: Links) -> None:
    port = links.add("way", echo.address)
    links.break_("way", "black hole")
    links.heal("way")
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        assert said(connection, b"hello") == b"hello"
