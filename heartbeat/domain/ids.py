"""Public ids: a prefix that tells the noun, and 100 random bits in lower case."""

import random
import secrets

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """A new id such as `hb_7q0m…`.

    `proj`, `key`, `sess`, `bot`, `mem`, `mry`, `tool`, `conn`, `signin`, `hb`, `task`, `evt`, `tgt`, `ntf`, `fnd` and
    `log` are in use.
    """
    return spell(prefix, secrets.randbits(100))


def new_request_id() -> str:
    """An id for one request, as `new_id` but not hard to guess: it opens nothing, and each request needs one."""
    return f"req_{random.getrandbits(96):024x}"


def spell(prefix: str, number: int) -> str:
    """The id made of the lowest 100 bits of `number`."""
    return f"{prefix}_" + "".join([ALPHABET[number >> shift & 31] for shift in range(0, 100, 5)])
