"""The second factor of a person: codes of an authenticator (RFC 6238), and recovery codes for who has lost it.

The libraries are loaded by the first who uses one: most processes never do.
"""

import secrets
from base64 import b32encode
from collections.abc import Sequence
from datetime import datetime
from hmac import compare_digest

# The clock of a phone is off a little, and typing takes a while.
STEPS_OFF = (0, -1, 1)
RECOVERY_CODES, RECOVERY_BYTES, RECOVERY_LENGTH = 10, 10, 16


def totp_row(user_uuid: str) -> str:
    """What the secret is sealed with."""
    return f"user:{user_uuid}:totp"


def new_secret() -> str:
    """Make the secret that an authenticator and the product share, as text in base 32."""
    import pyotp

    return pyotp.random_base32()


def setup_address(secret: str, email: str) -> str:
    """Return the address that an authenticator takes the secret from."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Heartbeat")


def setup_picture(address: str) -> str:
    """Draw the address as a QR code; returns a `data:` address of the picture."""
    import segno

    return segno.make_qr(address).svg_data_uri(scale=4, border=3, light="white")


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the number of the half minute that a code is for, `None` for a code that is not right now."""
    import pyotp

    totp, folded = pyotp.TOTP(secret), fold_code(code).encode()
    steps = [totp.timecode(now) + off for off in STEPS_OFF]
    return next((step for step in steps if compare_digest(totp.generate_otp(step).encode(), folded)), None)


def new_recovery_codes() -> list[str]:
    """Make codes that each sign in once; nobody guesses one."""
    return [_in_groups(b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode()) for _ in range(RECOVERY_CODES)]


def fold_code(code: str) -> str:
    """Return a code without what people write between its characters, in capitals."""
    return "".join(character for character in code.upper() if character.isalnum())[: RECOVERY_LENGTH + 1]


def _in_groups(code: str) -> str:
    groups: Sequence[str] = [code[at : at + 4] for at in range(0, len(code), 4)]
    return "-".join(groups)
