"""Which part of a long list is wanted."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_

MAX_WORDS = 8


@dataclass(frozen=True)
class Page:
    """Page `number` (from 1) of pages of `size`."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many rows come before it."""
        return (self.number - 1) * self.size


@dataclass(frozen=True)
class ListFilter:
    """Which rows of a list: those that have each of the `words`, in one of the states that it knows by `show`."""

    words: str = ""
    show: str = ""


def having_words(words: str, uuid: ColumnElement[str], *places: Any) -> list[ColumnElement[bool]]:
    """Return a condition for each of the words: that it stands in one of these columns, or is the public id."""
    in_order = words.split()[:MAX_WORDS]
    return [or_(uuid == word, *(place.icontains(word, autoescape=True) for place in places)) for word in in_order]
