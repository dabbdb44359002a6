"""The kinds of fields that the channels' configs are made of; each raises `ValueError` in words for a person.

Validation is handed the operator's HEARTBEAT_EGRESS_ALLOW as its context: a host that is listed there may be spoken
to without TLS, and may stand in for a service (Mattermost takes Slack's messages).
"""

import re
from typing import Annotated, Any

import httpx2
from pydantic import AfterValidator, SecretStr, ValidationInfo

from heartbeat.egress.addresses import AllowList, read_host

MAX_LENGTH = 2_000


def read_address(text: str, info: ValidationInfo[Any]) -> httpx2.URL:
    """Read an http(s) address; http is for hosts that the operator lists."""
    try:
        url = httpx2.URL(text)
        host = read_host(url.raw_host.decode("ascii"))
    except (httpx2.InvalidURL, ValueError):
        raise ValueError("is no web address; give one such as https://example.com/path") from None
    if len(text) > MAX_LENGTH or url.scheme not in ("http", "https") or any(letter.isspace() for letter in text):
        raise ValueError(f"must be an https address of at most {MAX_LENGTH:,} characters without spaces")
    if url.userinfo:
        raise ValueError("must not carry a user or a password (https://user:password@…)")
    if url.scheme == "http" and not AllowList(info.context or []).lists(host):
        raise ValueError(
            "must begin with https://; http is for hosts that the operator lists in HEARTBEAT_EGRESS_ALLOW"
        )
    return url


def _web_address(text: str, info: ValidationInfo[Any]) -> str:
    read_address(text, info)
    return text


WebAddress = Annotated[str, AfterValidator(_web_address)]


def address_at(example: str, *hosts: str) -> AfterValidator:
    """A secret address at one of `hosts`, where `.example.com` is every host below it; `example` is for the message."""

    def check(secret: SecretStr, info: ValidationInfo[Any]) -> SecretStr:
        url = read_address(secret.get_secret_value(), info)
        known = any(url.host.endswith(host) if host.startswith(".") else url.host == host for host in hosts)
        if not known and not AllowList(info.context or []).lists(read_host(url.raw_host.decode("ascii"))):
            raise ValueError(
                f"must be an address such as {example}, or at a host that the operator lists in HEARTBEAT_EGRESS_ALLOW"
            )
        return secret

    return AfterValidator(check)


def matching(pattern: str, message: str) -> AfterValidator:
    """A secret that must match all of `pattern`; `message` says what it must be, and does not repeat it."""

    def check(secret: SecretStr) -> SecretStr:
        if not re.fullmatch(pattern, secret.get_secret_value()):
            raise ValueError(message)
        return secret

    return AfterValidator(check)
