"""Public ids: a prefix that tells the noun, and 100 random bits in lower case."""

import secrets

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """A new id such as `hb_7q0m…`: `proj`, `key`, `bot`, `mem`, `tool`, `hb` and `log` are the prefixes in use."""
    return f"{prefix}_" + "".join(secrets.choice(ALPHABET) for _ in range(20))
