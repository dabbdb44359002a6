"""Browsers in which somebody has signed in with a password: failures there are counted apart from all others.

So whoever guesses a person's password from many addresses slows everybody but this person (OWASP's device cookies).
"""

import secrets
from hashlib import sha256

from fastapi import Request
from starlette.responses import Response

from api.dashboard.pages import SIGN_IN, is_https
from api.deps import address_of, stack_of
from heartbeat.domain.failure_sources import of_address, of_browser, of_codes, of_name
from heartbeat.domain.people import fold_email
from heartbeat.secrets.keyring import CannotOpen, Keyring, NoKey
from heartbeat.store.tables.users import User

LASTS_SECONDS = 365 * 24 * 3600


def sources_of(request: Request, email: str) -> list[str]:
    """For whom a failure to sign in with this address counts."""
    return _known(request, email) or [of_address(address_of(request)), *of_name(email)]


def code_sources_of(request: Request, user: User) -> list[str]:
    """For whom a wrong code of this person counts, who has given the right password.

    Six digits are guessed from many addresses, and only who has the password can have the person wait.
    """
    return _known(request, user.email) or [of_codes(user.uuid)]


def remember_browser(response: Response, request: Request, email: str) -> None:
    """Have the browser say from now on that this person has signed in with it."""
    stack = stack_of(request)
    try:
        sealed = Keyring.from_settings(stack.settings).seal(secrets.token_urlsafe(16), _bound(email))
    except NoKey:
        # Then nothing tells a browser that is known from one that says so.
        return
    response.set_cookie(
        _cookie(email),
        sealed,
        max_age=LASTS_SECONDS,
        path=SIGN_IN,
        secure=is_https(request),
        httponly=True,
        samesite="strict",
    )


def _known(request: Request, email: str) -> list[str]:
    """The browser, if this person has signed in with it before."""
    stack = stack_of(request)
    sealed = request.cookies.get(_cookie(email))
    if sealed:
        try:
            return [of_browser(Keyring.from_settings(stack.settings).open(sealed, _bound(email)))]
        except CannotOpen:
            pass
    return []


def _cookie(email: str) -> str:
    # Several people may use one browser.
    return f"heartbeat_known_{sha256(fold_email(email).encode('utf-8', 'replace')).hexdigest()[:8]}"


def _bound(email: str) -> str:
    return f"known_browser:{fold_email(email)}"
