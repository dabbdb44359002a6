"""Values that a gate has read: made alike when they say the same, and what changed from one to the next. Pure."""

import json
import re
import unicodedata
from collections.abc import Sequence
from difflib import unified_diff
from itertools import islice
from typing import Any

from heartbeat.domain.text import storable_text

MAX_CHANGE = 6_000
MAX_LINE = 500
CONTEXT_LINES = 2
# Comparing can take time by the product of the lines on both sides; those alike at both ends are not among them.
MAX_LINES = 500

# What a reader does not see: control characters, marks of direction and width, and the tags of which hidden text is
# made. Joiners stay, because scripts and emoji are written with them.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
BLANK_LINES = re.compile(r"\n{3,}")


def normalised(text: str) -> str:
    """Write a text so that two of which a reader sees no difference are equal: line ends, spaces, forms of a letter."""
    text = unicodedata.normalize("NFC", LINE_ENDS.sub("\n", storable_text(text)))
    lines = (UNSEEN.sub("", line).replace("\xa0", " ").rstrip() for line in text.split("\n"))
    return BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")


def json_lines(value: Any) -> str:
    """Write a JSON value one member a line with its keys in order, so that what changed in it is a line; text as it is.

    Raises `ValueError` for what is nested too deeply.
    """
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def difference(before: str, after: str) -> str:
    """Write a unified diff of two texts, cut to `MAX_CHANGE` characters; empty if they are equal.

    Each of its lines begins with `+`, `-`, a space, `@@` or `…`, whatever the texts are.
    """
    old, new = _apart(before.split("\n") if before else [], after.split("\n") if after else [])
    lines = unified_diff(old[:MAX_LINES], new[:MAX_LINES], n=CONTEXT_LINES, lineterm="")
    # Without the names of the files, and without numbers of lines that count from where the texts part.
    shown = ["@@" if line.startswith("@@") else _cut_line(line) for line in islice(lines, 2, None)]
    return _cut(shown, max(len(old), len(new)) > MAX_LINES)


def _apart(old: list[str], new: list[str]) -> tuple[list[str], list[str]]:
    """Leave out what is equal at both ends, but for the lines that a diff shows around a change."""
    start = next((i for i, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), None)
    if start is None:
        start = min(len(old), len(new))
    rest = min(len(old), len(new)) - start
    backwards = zip(reversed(old), reversed(new), strict=False)
    alike = next((i for i, (one, other) in enumerate(islice(backwards, rest)) if one != other), rest)
    start, alike = max(start - CONTEXT_LINES, 0), max(alike - CONTEXT_LINES, 0)
    return old[start : len(old) - alike], new[start : len(new) - alike]


def _cut_line(line: str) -> str:
    return line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}…"


def _cut(lines: Sequence[str], is_longer: bool) -> str:
    shown: list[str] = []
    room = MAX_CHANGE
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return "\n".join([*shown, f"… and {len(lines) - len(shown):,} more lines of this difference"])
        shown.append(line)
    return "\n".join([*shown, "… and more, further on"] if is_longer else shown)
