"""Quotas: how many requests a minute somebody may send, and what is left of them."""

from collections.abc import Sequence
from dataclasses import dataclass

WINDOW_SECONDS = 60
# Their names: all requests of a project, those with a key, and those of a project that read much.
PROJECT, KEY, COSTLY = "project", "key", "costly"


@dataclass(frozen=True)
class Quota:
    """So many requests a minute, by the name that the headers of an answer and the message of a refusal have."""

    name: str
    limit: int


@dataclass(frozen=True)
class QuotaUse:
    """What is `left` of a quota; in `resets_in` seconds it is whole again."""

    quota: Quota
    left: int
    resets_in: int


def rate_limit_headers(uses: Sequence[QuotaUse]) -> dict[str, str]:
    """Write the fields of draft-ietf-httpapi-ratelimit-headers-11, which are lists of RFC 9651."""
    # Own code: names of ours and whole numbers need no library to be written down; tests read them with one.
    policies = [f'"{use.quota.name}";q={use.quota.limit};w={WINDOW_SECONDS}' for use in uses]
    limits = [f'"{use.quota.name}";r={use.left};t={use.resets_in}' for use in uses]
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(limits)}
