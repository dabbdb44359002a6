"""Texts brought to the length and the markup that a service takes."""

import json
from bisect import bisect_right
from collections.abc import Callable

ZERO_WIDTH_SPACE = "\u200b"


def cut(text: str, most: int, size: Callable[[str], int] = len) -> str:
    """`text`, shortened until its `size` is `most`, and then said to be cut. `size` grows with the text."""
    if size(text) <= most:
        return text
    note = f"… (cut; {len(text):,} characters in all)"
    kept = bisect_right(range(len(text)), most, key=lambda end: size(text[:end] + note)) - 1
    return text[: max(kept, 0)].rstrip() + note


def in_utf8(text: str) -> int:
    """The size in bytes."""
    return len(text.encode())


def in_utf16(text: str) -> int:
    """The size in the units in which Discord and Telegram count, where an emoji is two."""
    return len(text.encode("utf-16-le")) // 2


def in_json(text: str) -> int:
    """The size in bytes as a text of JSON, where a quotation mark or the end of a line is two."""
    return len(json.dumps(text, ensure_ascii=False).encode())


def one_line(text: str) -> str:
    """`text` with every run of white space, line ends and control characters as one space."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def open_links(text: str) -> str:
    """Markdown in which no link can hide its address behind other words: the text may come from anyone."""
    return text.replace("](", f"]{ZERO_WIDTH_SPACE}(")
