"""Why a connection was not made, in words that a person can act on."""

import ssl
from socket import gaierror

import pytest

from heartbeat.egress.unreachable import causes, why_unreachable


def untrusted() -> ssl.SSLCertVerificationError:
    problem = ssl.SSLCertVerificationError(1, "failed")
    problem.verify_message = "self-signed certificate"
    return problem


def no_tls(reason: str) -> ssl.SSLError:
    problem = ssl.SSLError(1, "failed")
    problem.reason = reason
    return problem


NO_TLS = ": it speaks no TLS; perhaps its address is http, not https"


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (untrusted(), ": its certificate is not trusted (self-signed certificate)"),
        (no_tls("WRONG_VERSION_NUMBER"), NO_TLS),
        (no_tls("HTTP_REQUEST"), NO_TLS),
        (no_tls("OTHER"), ""),
        (ConnectionRefusedError(), ": nothing listens at its address"),
        (gaierror(), ": the name in its address is not known"),
        (TimeoutError(), ""),
    ],
)
def test_it_is_said_as_far_as_the_network_said_it(problem: Exception, words: str) -> None:
    assert why_unreachable(problem) == words
    outer = RuntimeError("outer")
    outer.__cause__ = ValueError("between")
    outer.__cause__.__context__ = problem
    assert why_unreachable(outer) == words
    assert list(causes(outer)) == [outer, outer.__cause__, problem]
