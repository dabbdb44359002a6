"""The ways in beside an e-mail address and a password, for the page that offers them."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class SignInWays:
    """What people call the issuer that they may sign in with, if there is one, and whether a key signs in."""

    issuer: str | None = None
    by_key: bool = True


_ways: ContextVar[SignInWays | None] = ContextVar("sign_in_ways", default=None)


def use(ways: SignInWays) -> None:
    """Offer these on the pages of the request that is being handled."""
    _ways.set(ways)


def sign_in_ways() -> SignInWays:
    """Return the ways of the request that is being handled."""
    return _ways.get() or SignInWays()
