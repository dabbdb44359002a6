"""The keys that secrets are sealed with, as they are written: `id:base64,id2:base64`."""

import base64
import binascii
import re
import secrets
from dataclasses import dataclass, field

KEY_BYTES = 32


# Shorter than a key in base64, so that one that stands in the id's place is not taken for an id, and never repeated.
ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


URL_SAFE = str.maketrans("-_", "+/")


@dataclass(frozen=True)
class SecretKey:
    """A key for AES-256. Its `id` stands before everything that it seals."""

    id: str
    key: bytes = field(repr=False)


def read_keys(text: str) -> list[SecretKey]:
    """The keys of `id:base64,id2:base64`, in their order. Raises `ValueError` in words that repeat no key."""
    keys: list[SecretKey] = []
    for number, entry in enumerate(text.split(","), 1):
        key = _key(entry.strip(), f"entry {number}")
        if any(key.id == other.id for other in keys):
            raise ValueError(f"entry {number} has the id {key.id!r} of an entry before it; give each key its own")
        keys.append(key)
    return keys


def new_key() -> str:
    """A fresh key as `id:base64`."""
    return f"k{secrets.token_hex(3)}:{base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


def _key(entry: str, place: str) -> SecretKey:
    name, colon, encoded = entry.partition(":")
    if not colon or not ID.fullmatch(name):
        raise ValueError(f"{place} is not written as id:key, with an id of at most 32 letters, digits, - and _")
    try:
        key = base64.b64decode(encoded.translate(URL_SAFE), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{place}, {name}, is not in base64; `heartbeat secrets new` makes one that is") from None
    if len(key) != KEY_BYTES:
        raise ValueError(
            f"{place}, {name}, has {len(key)} bytes instead of {KEY_BYTES}; `heartbeat secrets new` makes one that fits"
        )
    return SecretKey(name, key)
