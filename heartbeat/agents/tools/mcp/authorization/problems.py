"""Why a tool cannot be signed in to. No message holds a secret, nor more of a server's answer than its code."""

from urllib.parse import urlsplit

import httpx2


class NoAuthorization(Exception):
    """The server does not ask to be signed in to as the protocol has it."""


class AnotherHost(Exception):
    """The server sends people to an authorization server on another host, which nobody was shown yet.

    To somebody who only looks, on the same host as well.
    """

    def __init__(self, issuer: str) -> None:
        super().__init__(f"The server wants people to sign in at {host_of(issuer)}, which is another host.")
        self.issuer = issuer


class AuthorizationProblem(Exception):
    """Signing in does not go on. `code` is stable, the message is for the person.

    `is_final`: the same request, made again, would end the same.
    """

    def __init__(self, code: str, message: str, *, is_final: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.is_final = is_final


class NotSignedIn(httpx2.TransportError):
    """A request was not sent: a person has to sign in first. `str()` says so in words for the model."""


class AuthorizationDown(httpx2.NetworkError):
    """A request was not sent: it needs a new token, and the authorization server is away for now."""


def host_of(url: str) -> str:
    """The host of an address, with its port if it names one."""
    return urlsplit(url).netloc.rpartition("@")[2]


def is_other_host(issuer: str, server_url: str) -> bool:
    """Whether an authorization server is on another host than the tool's server."""
    return urlsplit(issuer).hostname != urlsplit(server_url).hostname
