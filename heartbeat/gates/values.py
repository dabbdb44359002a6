"""What a source answered as the text that is compared: its part that counts, normalised."""

import json
from typing import Any

from heartbeat.agents.tools.built_in.html_text import html_to_text
from heartbeat.domain.changes import json_lines, normalised
from heartbeat.domain.selectors import is_pointer, pointed
from heartbeat.gates.page_selection import PageTooLarge, selected_html


class Unusable(Exception):
    """The source answered, and there is nothing to compare in it. The message is a sentence."""


def page_value(html: str, address: str, select: str | None) -> str:
    """Return the words of a page, or of the elements that a CSS selector names. Raises `Unusable`."""
    if select is None:
        return normalised(html_to_text(html, address))
    if is_pointer(select):
        raise Unusable(f"It is a page, and {select} is a place in JSON; a page takes a CSS selector.")
    try:
        elements = selected_html(html, select)
    except PageTooLarge:
        raise Unusable("The page has too many elements to look for a selector in it.") from None
    if not elements:
        raise Unusable(f"The page has nothing that {select} names.")
    return normalised("\n".join(html_to_text(element, address) for element in elements))


def text_value(text: str, select: str | None) -> str:
    """Return a text, or its part at a JSON pointer; JSON is written one member a line. Raises `Unusable`."""
    document = _parsed(text)
    if select is None:
        return normalised(text if document is None else _lines(document))
    if not is_pointer(select):
        raise Unusable(f"It is no page, and {select} is a CSS selector; JSON takes a pointer, such as /items/0.")
    if document is None:
        raise Unusable(f"It is no JSON, so that {select} names nothing in it.")
    try:
        return normalised(_lines(pointed(document, select)))
    except LookupError as problem:
        raise Unusable(f"It has nothing at {select}: {problem.args[0]!r} leads nowhere.") from None


def _parsed(text: str) -> Any:
    """Return a JSON object or list; `None` for any other text. A number or a word alone is as good as its text."""
    if not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return None
    try:
        return json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return None


def _lines(value: Any) -> str:
    try:
        return json_lines(value)
    except ValueError as problem:
        raise Unusable(f"It is JSON, {problem}.") from None
