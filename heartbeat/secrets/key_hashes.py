"""How keys of projects are kept: as an HMAC-SHA256 with a pepper, which is made from the secret keys of the settings.

Whoever has the database alone can then not even find out by trying which key of somebody's own choice it was. A hash
is written as `ID:HEX` with the id of the secret key that its pepper is from; without secret keys the id is empty.
Versions before kept the plain SHA-256.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from heartbeat.domain.key_secrets import new_secret, shown_beginning
from heartbeat.domain.secret_keys import SecretKey
from heartbeat.secrets.keyring import secret_keys
from heartbeat.settings import Settings

PURPOSE = b"keys of projects"


@dataclass(frozen=True)
class KeySecret:
    """A key in clear, what is shown of it, and what the store keeps."""

    text: str
    beginning: str
    hash: str


class KeyHashes:
    """The ways in which a key may be kept: the first is that of new ones, and all are looked for."""

    def __init__(self, keys: Sequence[SecretKey] = ()) -> None:
        self._peppers = [(key.id, hmac.digest(key.key, PURPOSE, "sha256")) for key in keys] + [("", PURPOSE)]
        self._is_peppered = bool(keys)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Take the pepper from the secret keys of the settings and of the key file. Raises `CannotOpen`."""
        return cls(secret_keys(settings))

    @property
    def ids(self) -> set[str]:
        """The ids of the secret keys that hashes may name."""
        return {key_id for key_id, _ in self._peppers}

    def make(self, text: str | None = None) -> KeySecret:
        """Make a key, of somebody's own choice or made up."""
        text = text or new_secret()
        return KeySecret(text, shown_beginning(text), self.all(text)[0])

    def all(self, text: str) -> list[str]:
        """Return the hashes that a key may be kept by, that of new ones first."""
        raw = text.encode()
        return [
            *(f"{key_id}:{hmac.digest(pepper, raw, 'sha256').hex()}" for key_id, pepper in self._peppers),
            sha256(raw).hexdigest(),
        ]

    def better(self, kept: str, hashes: Sequence[str]) -> str | None:
        """Return the hash in whose place `kept` should be, of those that `all` gave; `None` when it is good."""
        return hashes[0] if self._is_peppered and kept != hashes[0] else None


def secret_key_id(kept: str) -> str:
    """Return the id of the secret key that a hash is made with; empty for none."""
    return kept.rpartition(":")[0]
