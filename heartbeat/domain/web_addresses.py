"""Addresses of the web that people write: http or https, with a host. Pure."""

from urllib.parse import urlsplit

# What the OpenAPI document can say of one.
PATTERN = r"^[hH][tT][tT][pP][sS]?:\/\/\S+$"


def is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
    return usable and not any(character.isspace() for character in text)


def web_address(value: str, example: str) -> str:
    """Return an address that is kept as it stands, without a password; raises `ValueError` with an `example`."""
    if not is_web_address(value):
        raise ValueError(f"must be an http or https address, such as {example}")
    if urlsplit(value).username is not None:
        raise ValueError("must not hold a name or password; send them in headers, which are kept encrypted")
    return value
