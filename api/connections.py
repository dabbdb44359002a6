"""An end to what a client may keep the API waiting for: heads, bodies, idle and stuck connections, and their number.

uvicorn bounds the body's flow and the time between requests. `limit_concurrency` counts requests whose head has come,
not silent connections, and `h11_max_incomplete_event_size` is for the slower parser alone (decision 17).
"""

import resource
from collections import defaultdict
from math import inf
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from api.errors import error_response
from heartbeat.domain.errors import ProductError
from heartbeat.domain.networks import client_network

# In seconds during which the process got to look, so that one that was stopped drops nobody at once.
HEAD_SECONDS, BODY_SECONDS, STALL_SECONDS = 10, 30, 30
# Of what is no body and has not all come yet: a head without end, chunks of nothing, trailers.
MAX_HEAD_BYTES = 65_536
# For the database, Temporal and the files of the process itself.
OTHER_FILES = 256


def _response(problem: ProductError) -> bytes:
    response = error_response(problem, {"Connection": "close"})
    lines = [b"%s: %s\r\n" % header for header in response.raw_headers]
    return b"HTTP/1.1 %d \r\n%s\r\n%s" % (problem.status, b"".join(lines), bytes(response.body))


LATE = _response(ProductError("The request did not come in time; send it again.", "request_timeout", 408))
LONG_HEAD = _response(ProductError("The headers are too long; send fewer or shorter ones.", "headers_too_large", 431))
CROWDED = _response(
    ProductError("Too many connections are open; try again shortly.", "too_many_connections", 503, retry_after=1)
)


class Connections(ServerState):
    """All connections of the server: `most` in all, `most_by_address` of one address. `clock` counts the looks."""

    def __init__(self, most: int, most_by_address: int) -> None:
        super().__init__()
        self.clock = 0
        self._most = most
        self._most_by_address = most_by_address
        self._open: set[BoundedConnection] = set()
        self._by_address: dict[str, set[BoundedConnection]] = defaultdict(set)

    def admit(self, newcomer: "BoundedConnection") -> None:
        """Make room for a new connection: the one that has waited longest for its client goes, else the new one."""
        peers = self._by_address[newcomer.address]
        for group, most in ((peers, self._most_by_address), (self._open, self._most)):
            group.add(newcomer)
            if len(group) > most and newcomer.is_open():
                waiting = (one for one in group if one.latest < inf and one is not newcomer)
                min(waiting, key=lambda one: one.latest, default=newcomer).turn_away(CROWDED)

    def forget(self, connection: "BoundedConnection") -> None:
        """Count a connection no more. May be called again."""
        self._open.discard(connection)
        peers = self._by_address[connection.address]
        peers.discard(connection)
        if not peers:
            del self._by_address[connection.address]

    def look(self) -> None:
        """Turn away whom the time is up for. Called once a second."""
        self.clock += 1
        for connection in list(self._open):
            connection.look(self.clock)


class BoundedConnection(HttpToolsProtocol):
    """One connection. Until `latest`, on the clock of `Connections`, its client has to go on; `inf`: we have to.

    `address` is the client's, of IPv6 the network that one customer has.
    """

    server_state: Connections
    address = ""
    latest: float = inf
    _in_message = False
    _overhead = _unsent = _moved_at = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.address = client_network(self.client[0]) if self.client else ""
        self._moved_at = self.server_state.clock
        self._expect_client()
        self.server_state.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.server_state.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before, self._body_bytes = self._overhead if self._in_message else 0, 0
        super().data_received(data)
        self._overhead = before + len(data) - self._body_bytes if self._in_message else 0
        if self._overhead > MAX_HEAD_BYTES and self.is_open():
            self.turn_away(LONG_HEAD)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_message = True
        self._expect_client()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._expect_client()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_message = False
        super().on_message_complete()
        self._expect_client()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect_client()

    def _expect_client(self) -> None:
        """Set until when the client has to go on, by what it owes: a head, a body, or nothing."""
        owes_head = self.cycle is None or self.cycle.response_complete
        owes_body = not self.pipeline and not owes_head and self.cycle.more_body
        seconds = HEAD_SECONDS if owes_head else BODY_SECONDS if owes_body else inf
        self.latest = self.server_state.clock + seconds

    def is_open(self) -> bool:
        return not self.transport.is_closing()

    def look(self, clock: int) -> None:
        """Turn the client away if its time is up, or if it reads nothing of what it was sent."""
        unsent = self.transport.get_write_buffer_size()
        if unsent < self._unsent or not self._unsent:
            self._moved_at = clock
        self._unsent = unsent
        if clock - self._moved_at > STALL_SECONDS:
            self.transport.abort()
        elif clock > self.latest and not unsent and self.is_open():
            self.turn_away(LATE)

    def turn_away(self, response: bytes) -> None:
        """Close the connection, with `response` if the client is owed one."""
        self.server_state.forget(self)
        if self._is_unanswered():
            self.transport.write(response)
        self.transport.close()

    def _is_unanswered(self) -> bool:
        """Whether the client would take what is written now for the answer to what it is sending."""
        if self.cycle is None:
            return self._in_message or self.latest < inf
        if self.cycle.scope is self.scope:
            return not self.cycle.response_started
        return self._in_message and self.cycle.response_complete


def room_for(most: int) -> int:
    """Raise this process's limit of open files for `most` connections; returns for how many there is room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return most
    wanted = max(soft, most + OTHER_FILES)
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(most, soft - OTHER_FILES))
