"""Links in messages that lead to a page without a session: the token in a link is its own key, for one thing alone."""

from fastapi import Request

from api.auth_throttle import WITH_LINK
from api.dashboard.translations import gettext as _
from api.deps import Stack, address_of
from heartbeat.domain.errors import Forbidden
from heartbeat.secrets.keyring import CannotOpen, Keyring


async def require_link(request: Request, token: str, sealed_as: str) -> None:
    """Raise `Forbidden` unless `token` is from a link of ours to the very thing that it was `sealed_as`.

    Raises `TooManyFailures` instead after too many that were not.
    """
    stack: Stack = request.app.state.stack
    try:
        Keyring.from_settings(stack.settings).open(token, sealed_as)
    except CannotOpen:
        await stack.auth_throttle.count(WITH_LINK, address_of(request))
        words = _("This link is not whole, or not for this; use the one from the message.")
        raise Forbidden("wrong_link", words) from None
