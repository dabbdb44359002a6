"""Signing in by OpenID Connect, as one API process does it: what it needs is loaded with the first sign-in."""

import asyncio
from typing import TYPE_CHECKING

from heartbeat.domain.clock import Clock
from heartbeat.settings import Settings

if TYPE_CHECKING:
    from heartbeat.openid.sign_in import OpenIdSignIn


class OpenIdDoor:
    """The issuer of the settings, if they name one."""

    def __init__(self, settings: Settings, now: Clock) -> None:
        self._settings = settings
        self._now = now
        self._sign_in: OpenIdSignIn | None = None

    @property
    def name(self) -> str | None:
        """What people call the issuer; `None` if nobody signs in there."""
        return self._settings.oidc_name if self._settings.oidc_issuer else None

    async def sign_in(self) -> "OpenIdSignIn":
        """The sign-ins with the issuer, which has to be there."""
        if self._sign_in is None:
            # In a thread, for it takes a while.
            self._sign_in = await asyncio.to_thread(_made, self._settings, self._now)
        return self._sign_in


def _made(settings: Settings, now: Clock) -> "OpenIdSignIn":
    from heartbeat.openid.sign_in import OpenIdSignIn

    return OpenIdSignIn(settings, now)
