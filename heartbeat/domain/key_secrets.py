"""What a key looks like: `hbk_`, 34 random letters and digits, and a checksum of six by which secret scanners know it.

The checksum is GitHub's: the CRC-32 of what stands before it, in base 62.
"""

import secrets
import string
from zlib import crc32

PREFIX = "hbk_"
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH, CHECKSUM_LENGTH = 34, 6
SHOWN_LENGTH = 8
# Of a shorter one of somebody's own choice, what is shown would tell too much.
MIN_LENGTH_SHOWN = 32


def new_secret() -> str:
    """Make a key up, of 202 random bits."""
    random = "".join(secrets.choice(BASE62) for _ in range(RANDOM_LENGTH))
    return PREFIX + random + checksum(random)


def checksum(text: str) -> str:
    """Return the last six characters of a key whose random ones are `text`."""
    number, digits = crc32(text.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(BASE62))
        digits = BASE62[digit] + digits
    return digits


def shown_beginning(secret: str) -> str:
    """Return the beginning by which people tell their keys apart; empty for one that is short."""
    return secret[:SHOWN_LENGTH] if len(secret) >= MIN_LENGTH_SHOWN else ""
