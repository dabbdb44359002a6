"""Secrets at rest: sealed with AES-256-GCM together with the name of their row, under keys that can be changed.

A sealed text is `v1.KEY_ID.BASE64` of a nonce of 12 bytes, what was encrypted, and its tag. Moved to another row,
or with any part of it changed, it does not open.
"""

import base64
import binascii
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

from heartbeat.domain.errors import ProductError
from heartbeat.domain.secret_keys import SecretKey, read_keys
from heartbeat.secrets.key_file import KEY_FILE, read_key_file
from heartbeat.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = "v1"
NONCE_BYTES = 12


class NoKey(ProductError):
    """400: there is no key to seal with."""

    def __init__(self) -> None:
        super().__init__(
            "secrets cannot be kept without a key: set HEARTBEAT_SECRET_KEYS for the API and the workers "
            "(`heartbeat secrets new` makes a key)",
            "no_secret_key",
            400,
        )


class CannotOpen(ProductError):
    """503: a secret does not open with the keys that there are. The message is for the operator and holds no secret."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "secret_unreadable", 503)


class Keyring:
    """The installation's keys: the first seals, all open."""

    def __init__(self, keys: Sequence[SecretKey]) -> None:
        self._keys = {key.id: key.key for key in keys}

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Take the keys of the settings, then those of the key file. Raises `CannotOpen` for a bad file."""
        return cls(secret_keys(settings))

    @property
    def sealing_key_id(self) -> str:
        """The id of the key that seals. Raises `NoKey`."""
        if not self._keys:
            raise NoKey
        return next(iter(self._keys))

    def seal(self, text: str, row: str) -> str:
        """Seal `text` for `row` (`tool:tool_…:headers`), where alone it opens. Raises `NoKey`."""
        key_id = self.sealing_key_id
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + _cipher(self._keys[key_id]).encrypt(nonce, text.encode(), _bound(key_id, row))
        return f"{VERSION}.{key_id}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, sealed: str, row: str) -> str:
        """Open what was sealed for `row`. Raises `CannotOpen`."""
        from cryptography.exceptions import InvalidTag

        key_id, raw = _parts(sealed, row)
        key = self._keys.get(key_id)
        if key is None:
            own_ids = ", ".join(self._keys) or "none"
            raise CannotOpen(
                f"{row} is sealed with the key {key_id!r}, which this process does not have (it has: {own_ids}). "
                "Add that key to HEARTBEAT_SECRET_KEYS, or give the secret again."
            )
        try:
            return _cipher(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _bound(key_id, row)).decode()
        except InvalidTag:
            raise CannotOpen(
                f"{row} does not open with the key {key_id!r}: that id once was another key's, or what is stored was "
                "changed or belongs to another row. Put the right key into HEARTBEAT_SECRET_KEYS, or give the secret "
                "again."
            ) from None

    def is_newest(self, sealed: str) -> bool:
        """Whether it is sealed as `seal` would seal it now. Raises `NoKey`."""
        return sealed.startswith(f"{VERSION}.{self.sealing_key_id}.")


def secret_keys(settings: Settings) -> list[SecretKey]:
    """Read the keys of the settings, then those of the key file. Raises `CannotOpen` for a bad file."""
    from_settings = read_keys(settings.secret_keys.get_secret_value()) if settings.secret_keys else []
    try:
        from_file = read_key_file(settings.data_dir)
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise CannotOpen(f"The key file {settings.data_dir / KEY_FILE} cannot be used: {reason}.") from None
    ids = {key.id for key in from_settings}
    return [*from_settings, *(key for key in from_file if key.id not in ids)]


def seal_headers(keyring: Keyring, tool_uuid: str, headers: Mapping[str, str]) -> str:
    """Seal the headers of a tool server for its row. Raises `NoKey`."""
    return keyring.seal(json.dumps(dict(headers)), headers_row(tool_uuid))


def open_headers(keyring: Keyring, tool_uuid: str, sealed: str | None) -> dict[str, str]:
    """Open the headers of a tool server, none if it has none. Raises `CannotOpen`."""
    if sealed is None:
        return {}
    headers: dict[str, str] = json.loads(keyring.open(sealed, headers_row(tool_uuid)))
    return headers


def seal_url(keyring: Keyring, tool_uuid: str, url: str) -> str:
    """Seal the whole address of a tool server for its row. Raises `NoKey`."""
    return keyring.seal(url, url_row(tool_uuid))


def open_url(keyring: Keyring, tool_uuid: str, sealed: str | None, shown: str) -> str:
    """Open the whole address of a tool server: the one that is shown, unless more is sealed. Raises `CannotOpen`."""
    return shown if sealed is None else keyring.open(sealed, url_row(tool_uuid))


def url_row(tool_uuid: str) -> str:
    """What the address of a tool is sealed with."""
    return f"tool:{tool_uuid}:url"


def headers_row(tool_uuid: str) -> str:
    """What the headers of a tool are sealed with."""
    return f"tool:{tool_uuid}:headers"


def config_row(target_uuid: str) -> str:
    """What the secrets of a notification target are sealed with."""
    return f"target:{target_uuid}:config"


def _cipher(key: bytes) -> "AESGCM":
    # Loaded with the first secret, for it takes 7 MB: an idle process stays small.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _bound(key_id: str, row: str) -> bytes:
    return f"{VERSION}:{key_id}:{row}".encode()


def _parts(sealed: str, row: str) -> tuple[str, bytes]:
    """The key's id, and nonce, text and tag."""
    version, _, rest = sealed.partition(".")
    key_id, _, encoded = rest.partition(".")
    try:
        raw = base64.b64decode(encoded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if version != VERSION or len(raw) < NONCE_BYTES + 16:
        raise CannotOpen(f"What is stored of {row} is no sealed text of this version; give the secret again.")
    return key_id, raw
