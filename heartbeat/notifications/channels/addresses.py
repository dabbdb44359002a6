"""The kinds of address that a target may name; each raises `ValueError` in words for a person.

Validation is handed the operator's HEARTBEAT_EGRESS_ALLOW as its context: a host that is listed there may be spoken
to without TLS, and may stand in for a service (Mattermost takes Slack's messages).
"""

from collections.abc import Callable
from typing import Annotated, Any

import httpx2
from pydantic import AfterValidator, SecretStr, ValidationInfo

from heartbeat.egress.addresses import AllowList, read_host

MAX_LENGTH = 2_000


def read_address(given: str, info: ValidationInfo[Any]) -> httpx2.URL:
    """The http(s) address that `given` spells; http is for hosts that the operator lists."""
    try:
        url = httpx2.URL(given)
        wanted = read_host(url.raw_host.decode("ascii"))
    except (httpx2.InvalidURL, ValueError):
        raise ValueError("is no web address; give one such as https://example.com/path") from None
    if len(given) > MAX_LENGTH or url.scheme not in ("http", "https") or any(letter.isspace() for letter in given):
        raise ValueError(f"must be an https address of at most {MAX_LENGTH:,} characters without spaces")
    if url.userinfo:
        raise ValueError("must not carry a user or a password (https://user:password@…)")
    if url.scheme == "http" and not AllowList(info.context or []).lists(wanted):
        raise ValueError(
            "must begin with https://; http is for hosts that the operator lists in HEARTBEAT_EGRESS_ALLOW"
        )
    return url


def _web(given: str, info: ValidationInfo[Any]) -> str:
    read_address(given, info)
    return given


Web = Annotated[str, AfterValidator(_web)]


def _secret_web(given: SecretStr, info: ValidationInfo[Any]) -> SecretStr:
    read_address(given.get_secret_value(), info)
    return given


SecretWeb = Annotated[SecretStr, AfterValidator(_secret_web)]


def of_service(example: str, *hosts: str) -> Callable[[SecretStr, ValidationInfo[Any]], SecretStr]:
    """A validator of addresses at `hosts` alone, where `.example.com` is every host below it."""

    def check(given: SecretStr, info: ValidationInfo[Any]) -> SecretStr:
        url = read_address(given.get_secret_value(), info)
        known = any(url.host.endswith(host) if host.startswith(".") else url.host == host for host in hosts)
        if not known and not AllowList(info.context or []).lists(read_host(url.raw_host.decode("ascii"))):
            raise ValueError(
                f"must be an address such as {example}, or at a host that the operator lists in HEARTBEAT_EGRESS_ALLOW"
            )
        return given

    return check
