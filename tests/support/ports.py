"""Ports to listen on later, or at two addresses: below those the system gives out, which others take meanwhile."""

import itertools
import os
import random
import socket

SPAN = 2000
# Each process of a suite keeps to its own, or one would take what another has found free.
LOWEST = 12_000 + SPAN * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 10)
NUMBERS = itertools.count(random.randrange(SPAN))


def free_port() -> int:
    """A port nobody listens on at any address of this machine, and that is not given out again."""
    for number in NUMBERS:
        port = LOWEST + number % SPAN
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
        return port
    raise AssertionError("unreachable")


def free_ports(count: int) -> list[int]:
    """That many, all different."""
    return [free_port() for _ in range(count)]
