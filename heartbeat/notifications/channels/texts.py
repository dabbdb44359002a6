"""Texts brought to the length and the markup that a service takes."""

import json
from bisect import bisect_right
from collections.abc import Callable

ZERO_WIDTH_SPACE = "\u200b"


def cut(text: str, max_size: int, size: Callable[[str], int] = len) -> str:
    """Shorten `text` until its `size` is `max_size`, and say at the end that it was cut. `size` grows with the text."""
    if size(text) <= max_size:
        return text
    note = f"… (cut; {len(text):,} characters in all)"
    length = bisect_right(range(len(text)), max_size, key=lambda end: size(text[:end] + note)) - 1
    return text[: max(length, 0)].rstrip() + note


def in_utf8(text: str) -> int:
    """Count bytes of UTF-8."""
    return len(text.encode())


def in_utf16(text: str) -> int:
    """Count the units that Discord and Telegram count in, where an emoji is two."""
    return len(text.encode("utf-16-le")) // 2


def in_json(text: str) -> int:
    """Count bytes of a JSON string, where a quotation mark or the end of a line is two."""
    return len(json.dumps(text, ensure_ascii=False).encode())


def one_line(text: str) -> str:
    """Put one space for every run of white space, line ends and control characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def open_links(text: str) -> str:
    """Break Markdown links, so that none hides its address behind other words: the text may come from anyone."""
    return text.replace("](", f"]{ZERO_WIDTH_SPACE}(")
