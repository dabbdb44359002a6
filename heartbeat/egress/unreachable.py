"""Why a connection was not made, as far as the network said it."""

import ssl
from collections.abc import Iterator
from socket import gaierror


def why_unreachable(problem: BaseException) -> str:
    """Say what came in the way of a connection, after a colon; nothing if that is not known."""
    for cause in causes(problem):
        match cause:
            case ssl.SSLCertVerificationError():
                return f": its certificate is not trusted ({cause.verify_message})"
            case ssl.SSLError(reason="WRONG_VERSION_NUMBER" | "HTTP_REQUEST"):
                return ": it speaks no TLS; perhaps its address is http, not https"
            case ConnectionRefusedError():
                return ": nothing listens at its address"
            case gaierror():
                return ": the name in its address is not known"
    return ""


def causes(problem: BaseException) -> Iterator[BaseException]:
    """Yield an exception, what it was raised for, and so on."""
    cause: BaseException | None = problem
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
