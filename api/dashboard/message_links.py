"""Links in messages that lead to a page without a session: the token in a link is its own key, for one thing alone."""

from api.dashboard.translations import gettext as _
from api.deps import Stack
from heartbeat.domain.errors import Forbidden
from heartbeat.secrets.keyring import CannotOpen, Keyring


def require_link(stack: Stack, token: str, sealed_as: str) -> None:
    """Raise `Forbidden` unless `token` is from a link of ours to the very thing that it was `sealed_as`."""
    try:
        Keyring.from_settings(stack.settings).open(token, sealed_as)
    except CannotOpen:
        words = _("This link is not whole, or not for this; use the one from the message.")
        raise Forbidden("wrong_link", words) from None
