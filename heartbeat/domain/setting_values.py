"""Values as files, secrets and shells hand them over: what stands around them is taken off, what cannot work refused.

No message repeats a value, for it may be a key.
"""

import re
from typing import Any
from urllib.parse import urlsplit

from heartbeat.domain.web_addresses import is_web_address

# Blanks and line ends of every kind, and the byte order mark of a file from Windows.
AROUND = " \t\r\n\v\f\u00a0\u200b\u2028\u2029\ufeff"
QUOTES = "\"'"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MIN_KEY_LENGTH = 8
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def bare(value: Any) -> Any:
    """Take blanks, line ends and one pair of quotes from around a text; anything else stays as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip(AROUND)
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in QUOTES
    return text[1:-1].strip(AROUND) if quoted else text


def require_header_text(text: str) -> None:
    """Raise `ValueError` for a text that no HTTP header can carry."""
    place = next((number for number, letter in enumerate(text, 1) if not " " <= letter <= "~"), None)
    if place is not None:
        raise ValueError(
            f"must be printable ASCII, and its character {place} is not; a dash, a quote or a line end may have come "
            "with a copy"
        )


def require_api_key(key: str) -> None:
    """Raise `ValueError` for a key that no header can carry, or that is too short."""
    if len(key) < MIN_KEY_LENGTH or not (key.isascii() and key.isprintable()) or key != key.strip():
        raise ValueError("must be 8 or more printable ASCII characters, with no space before or after them")


def require_web_address(text: str) -> None:
    """Raise `ValueError` for what is no http or https address."""
    require_header_text(text)
    if not is_web_address(text):
        raise ValueError("must be an http or https address, such as https://models.example.com/v1")


def require_secure(address: str) -> None:
    """Raise `ValueError` unless it is an https address, or an http one of this very machine."""
    if not is_web_address(address):
        raise ValueError("must be an https address, such as https://login.example.com")
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError("must be https: whoever reads or changes what is sent could sign in as anybody")


def proxy_address(text: str) -> str:
    """Read a proxy's address, which may come without `http://`; raises `ValueError`."""
    address = text if SCHEME.match(text) else f"http://{text}"
    if not address.lower().startswith(("http://", "https://")):
        raise ValueError(
            "must be the address of an HTTP proxy, such as http://proxy.example.com:3128; SOCKS is not spoken"
        )
    require_web_address(address)
    return address
