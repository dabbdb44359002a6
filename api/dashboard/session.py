"""The cookie of a session: a random token that names nothing and holds nothing. What it opens is a row of the store."""

from fastapi import Request
from starlette.responses import Response

from heartbeat.store.users.sessions import LASTS

COOKIE = "heartbeat_session"


def token_of(request: Request) -> str:
    """Read the token that a browser sends; empty if it has none."""
    return request.cookies.get(COOKIE, "")


def set_cookie(response: Response, token: str, secure: bool) -> None:
    """Have the browser keep a token, which no script sees and no other site has it send."""
    seconds = int(LASTS.total_seconds())
    response.set_cookie(COOKIE, token, max_age=seconds, secure=secure, httponly=True, samesite="strict")


def delete_cookie(response: Response) -> None:
    """Have the browser forget its token."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
