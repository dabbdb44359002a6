"""Signing out of the issuer, too (OpenID Connect RP-Initiated Logout 1.0), for who signed in with one."""

import logging
from urllib.parse import urlencode, urlsplit

from fastapi import Request
from starlette.responses import Response

from api.dashboard.pages import SIGN_IN, html, is_https
from api.deps import stack_of
from heartbeat.openid.problems import IssuerAway
from heartbeat.secrets.keyring import CannotOpen, Keyring
from heartbeat.store.users.sessions import LASTS

log = logging.getLogger(__name__)

COOKIE = "heartbeat_openid_token"
PATH = "/sign-out"
SEALED_AS = "openid_token"
# What browsers keep of one cookie is 4,096 bytes, and sealing makes a token a third longer.
MAX_TOKEN = 2_900


def keep_token(response: Response, request: Request, id_token: str, home: str) -> None:
    """Have the browser keep the token that says to the issuer who signs out, and where it was let in."""
    stack = stack_of(request)
    hint = id_token if len(id_token) <= MAX_TOKEN else ""
    sealed = Keyring.from_settings(stack.settings).seal(f"{home} {hint}", SEALED_AS)
    seconds = int(LASTS.total_seconds())
    response.set_cookie(
        COOKIE, sealed, max_age=seconds, path=PATH, secure=is_https(request), httponly=True, samesite="strict"
    )


async def leave_issuer(request: Request) -> Response | None:
    """Lead on to where the issuer signs people out; `None` for who came another way, or if it offers nothing."""
    stack = stack_of(request)
    sealed = request.cookies.get(COOKIE)
    if not sealed or stack.openid.name is None:
        return None
    try:
        home, _, hint = Keyring.from_settings(stack.settings).open(sealed, SEALED_AS).partition(" ")
        endpoint = await (await stack.openid.sign_in()).sign_out_url()
    except CannotOpen:
        return None
    except IssuerAway as problem:
        log.warning("nobody was signed out of the issuer: %s", problem.reason)
        return None
    if endpoint is None:
        return None
    fields = {"client_id": stack.settings.oidc_client_id, "post_logout_redirect_uri": home + SIGN_IN}
    query = urlencode({**fields, "id_token_hint": hint} if hint else fields)
    url = f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"
    # A page, and no redirect: the policy of our pages lets forms lead to ourselves alone.
    response = html("openid_sign_out", url=url, host=urlsplit(endpoint).netloc)
    response.delete_cookie(COOKIE, path=PATH)
    return response
