"""What people call the issuer that they may sign in with, for the page that offers it."""

from contextvars import ContextVar

_name: ContextVar[str | None] = ContextVar("issuer_name", default=None)


def use(name: str | None) -> None:
    """Offer this issuer on the pages of the request that is being handled."""
    _name.set(name)


def issuer_name() -> str | None:
    """Return its name, or `None` where there is none."""
    return _name.get()
