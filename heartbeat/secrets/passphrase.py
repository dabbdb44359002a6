"""Secret keys sealed with a passphrase, so that a backup can hold them: scrypt, then AES-256-GCM."""

import base64
import json
import os

from heartbeat.domain.errors import ProductError

# As OWASP recommends them for scrypt: 32 MB and a quarter of a second each time.
COST, BLOCK_SIZE, PARALLELISM = 2**15, 8, 3
SALT_BYTES, NONCE_BYTES, KEY_BYTES = 16, 12, 32
BOUND = b"heartbeat backup keys v1"
MIN_LENGTH = 12


class WrongPassphrase(ProductError):
    """400: the keys of a backup do not open with what was given, or it is too short to seal with."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "wrong_passphrase", 400)


def seal_keys(keys: str, passphrase: str) -> str:
    """Seal the text of a key file. Raises `WrongPassphrase` for one that is too short."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(passphrase) < MIN_LENGTH:
        raise WrongPassphrase(f"The passphrase is too short: take at least {MIN_LENGTH} characters.")
    salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
    sealed = AESGCM(_key(passphrase, salt)).encrypt(nonce, keys.encode(), BOUND)
    parts = {"salt": salt, "nonce": nonce, "sealed": sealed}
    return json.dumps({name: base64.b64encode(part).decode() for name, part in parts.items()})


def open_keys(sealed: str, passphrase: str) -> str:
    """Open what `seal_keys` sealed. Raises `WrongPassphrase`."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    parts = {name: base64.b64decode(part) for name, part in json.loads(sealed).items()}
    try:
        keys = AESGCM(_key(passphrase, parts["salt"])).decrypt(parts["nonce"], parts["sealed"], BOUND)
    except InvalidTag:
        raise WrongPassphrase("The keys of this backup do not open with this passphrase.") from None
    return keys.decode()


def _key(passphrase: str, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    derivation = Scrypt(salt=salt, length=KEY_BYTES, n=COST, r=BLOCK_SIZE, p=PARALLELISM)
    return derivation.derive(passphrase.encode())
