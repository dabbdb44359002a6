"""Text that others wrote, made fit for a database, a protocol and a log: without NUL and half surrogate pairs."""

import re
from typing import Any

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
REPLACEMENT = "\ufffd"
# What turns the direction of all that comes after it (UAX #9).
TURNS = "\u202a-\u202e\u2066-\u2069"
TURN = re.compile(f"\u2068[^{TURNS}]*\u2069|[{TURNS}]")


def storable_text(text: str) -> str:
    """Replace each such character by `�`; PostgreSQL would take none."""
    return UNSTORABLE.sub(REPLACEMENT, text)


def storable(value: Any) -> Any:
    """`storable_text` for all texts and keys of a JSON value."""
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, dict):
        return {storable(key): storable(inner) for key, inner in value.items()}
    return [storable(inner) for inner in value] if isinstance(value, list) else value


def spelled_turns(text: str) -> str:
    """Spell out what turns the direction of text, as `[U+202E]`, for whoever decides by what is read there.

    A part that is set apart whole turns nothing but itself, and stays.
    """
    return TURN.sub(spelled_turn, text)


def spelled_turn(turn: re.Match[str]) -> str:
    """Return what stands in place of a match of `TURN`."""
    return turn[0] if len(turn[0]) > 1 else f"[U+{ord(turn[0]):04X}]"


def cut_bytes(text: str, max_bytes: int) -> str:
    """Make `text` storable and keep its first `max_bytes` of UTF-8; a line says so if it was cut."""
    whole = storable_text(text).encode()
    if len(whole) <= max_bytes:
        return whole.decode()
    start = whole[:max_bytes].decode(errors="ignore")
    return f"{start}\n… cut: {len(whole):,} bytes, the first {max_bytes:,} shown"
