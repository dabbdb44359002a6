"""The headers that say what is left of the requests that a project or a key may send in a minute."""

from collections.abc import Mapping
from typing import Any

from heartbeat.domain.quotas import rate_limit_headers

# Where a request keeps what is left of the quotas that it was counted for.
QUOTA_USES = "heartbeat.quota_uses"


def quota_headers(scope: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
    """Return what the answer to a request says of its quotas: nothing where there are none."""
    headers = rate_limit_headers(scope[QUOTA_USES]) if QUOTA_USES in scope else {}
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def headers_of(status: int) -> dict[str, Any]:
    """Describe what answers with this status say beside their bodies; those to a stranger say nothing of quotas."""
    headers = {} if status == 401 else RATE_LIMITS
    return {**headers, "Retry-After": RETRY_AFTER} if status in (429, 503) else headers


def _header(description: str, schema: dict[str, Any], value: Any) -> dict[str, Any]:
    return {"description": description, "schema": schema, "example": value}


RATE_LIMITS = {
    "RateLimit-Policy": _header(
        "Where the plan or the key limits requests: each quota by its name, with `q` requests in `w` seconds.",
        {"type": "string"},
        '"project";q=60;w=60',
    ),
    "RateLimit": _header(
        "Of the same quotas `r`, the requests that are left, for `t` more seconds; then there are `q` again.",
        {"type": "string"},
        '"project";r=41;t=12',
    ),
}
RETRY_AFTER = _header("In how many seconds to try again.", {"type": "integer", "minimum": 1}, 12)
