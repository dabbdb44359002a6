"""Whom a failure to get in is counted for: an address, the name that was tried, or a browser that is known."""

from collections.abc import Sequence
from datetime import timedelta

from heartbeat.domain.errors import Invalid
from heartbeat.domain.networks import client_network
from heartbeat.domain.people import check_email
from heartbeat.domain.slowdown import LONGEST_WAIT

# Whoever guesses can have a person wait who comes with a new browser, and so not for long.
LONGEST_WAIT_FOR_NAME = timedelta(seconds=30)
NAME, BROWSER = "name ", "browser "


def of_address(address: str) -> str:
    """An IPv4 address, or the network of one of IPv6."""
    return f"address {client_network(address)}"


def of_name(email: str) -> list[str]:
    """Whoever has an e-mail address, whether there is such a person or not; what is none is nobody's name."""
    try:
        return [f"{NAME}{check_email(email)}"]
    except Invalid:
        return []


def of_browser(number: str) -> str:
    """A browser in which somebody has signed in before."""
    return f"{BROWSER}{number}"


def is_known(sources: Sequence[str]) -> bool:
    """Tell whether it is a browser in which somebody has signed in before."""
    return all(source.startswith(BROWSER) for source in sources)


def of_codes(user_uuid: str) -> str:
    """The codes of a person beside their password."""
    return f"codes {user_uuid}"


def longest_wait(source: str) -> timedelta:
    """How long a source waits at most."""
    return LONGEST_WAIT_FOR_NAME if source.startswith(NAME) else LONGEST_WAIT
