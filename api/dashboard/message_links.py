"""Links in messages that lead to a page without a session: the token in a link is its own key, for one thing alone."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from fastapi import Request
from sqlalchemy import Connection

from api.auth_throttle import WITH_LINK
from api.dashboard.translations import gettext as _
from api.deps import address_of, stack_of
from heartbeat.domain.errors import Forbidden
from heartbeat.secrets.keyring import CannotOpen, Keyring

T = TypeVar("T")


async def require_link(request: Request, token: str, sealed_as: str) -> None:
    """Raise `Forbidden` unless `token` is from a link of ours to the very thing that it was `sealed_as`.

    Raises `TooManyFailures` instead after too many that were not.
    """
    stack = stack_of(request)
    try:
        Keyring.from_settings(stack.settings).open(token, sealed_as)
    except CannotOpen:
        await stack.auth_throttle.count(WITH_LINK, address_of(request))
        words = _("This link is not whole, or not for this; use the one from the message.")
        raise Forbidden("wrong_link", words) from None


async def read_by_link(request: Request, read: Callable[[Connection, str, datetime], T], token: str) -> T:
    """Read what the token of a link in the store stands for; the `Forbidden` of a wrong one counts as a failure."""
    stack = stack_of(request)
    try:
        return await stack.database.read(read, token, stack.now())
    except Forbidden:
        await stack.auth_throttle.count(WITH_LINK, address_of(request))
        raise
