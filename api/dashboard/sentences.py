"""Sentences that the product wrote in English (errors, reasons, warnings), in the language of a page.

They are English where they are made, for the API publishes them and the store keeps them. Here they are recognised by
the message that they were filled from, which stands in every catalogue under a context of its own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property, lru_cache
from itertools import pairwise

from babel.dates import format_date

from api.dashboard.translations import ENGLISH, language, sentences
from api.dashboard.views.formats import date_with_year, number
from heartbeat.domain.cadence.sentence import MONTHS

# A longer text is none of the product's.
MAX_LENGTH = 2_000
MAX_DEPTH = 5
# Of the messages that a text can be, those with most letters of their own are looked at.
MAX_CANDIDATES = 2
INDEXED = 4
BLANK = re.compile(r"\{(\w+)\}")
# Between sentences, and within one.
PARTS = (re.compile(r"((?<=[.?!]) (?=[A-Z])|\n)"), re.compile(r"(; | \(|\)$)"))
NUMBER = re.compile(r"[0-9]+(,[0-9]{3})*")
TIME = re.compile(
    rf"((?P<day>\d{{4}}-\d\d-\d\d)|(?P<spoken>\w+day, \d+ ({'|'.join(MONTHS)}) \d{{4}}))(?P<clock>,? \d\d:\d\d)?"
)
# So many letters of its own tell a message from what somebody else wrote.
CLEAR = 7
# What others put into their sentences, and pydantic's own words.
WORDS = (
    *("approval", "bot", "channel", "finding", "heartbeat", "key", "memory", "page", "period", "project", "run"),
    *("session", "subscriber", "target", "task", "tool", "approved", "denied", "expired", "failed"),
    *("minute", "hour", "day", "week", "month", "year", "minutes", "hours", "days", "once", "unknown"),
    *("terminated", "timed out"),
    "Field required",
    "Input should be {expected}",
    "Input should be a valid string",
    "Input should be a valid integer",
    "Input should be a valid integer, unable to parse string as an integer",
    "Input should be a valid list",
    "Input should be a valid datetime or date, {error}",
    "Input should have timezone info",
    "input is too short",
    "Input should be greater than or equal to {ge}",
    "Input should be less than or equal to {le}",
    "String should have at least {min_length} character",
    "String should have at least {min_length} characters",
    "String should have at most {max_length} characters",
    "Value should have at most {max_length} items after validation, not {count}",
    "Extra inputs are not permitted",
    "'{one}' or '{other}'",
    "It said: {words}",
    # The first three are of rows that older versions wrote.
    "a key of the project",
    "somebody in the dashboard",
    "the operator",
    "the link of a message",
    "the key {name}",
    "{name} at the command line",
    "an agent",
    "Heartbeat itself",
)


@dataclass(frozen=True)
class SentencePattern:
    """A message with blanks: the words around them, their names, and its translation."""

    words: tuple[str, ...]
    blanks: tuple[str, ...]
    translation: str

    @cached_property
    def length(self) -> int:
        """How many letters are its own."""
        return sum(map(len, self.words))

    @cached_property
    def is_vague(self) -> bool:
        """Whether what somebody else wrote may look like it: "{name} is {kind}"."""
        return not self.words[0] and self.length < CLEAR

    def values(self, text: str) -> list[str] | None:
        """Return what stands in the blanks if the text is this message filled in; in time that is linear."""
        first, *middle, last = self.words
        if len(text) < self.length or not text.startswith(first) or not text.endswith(last):
            return None
        places = [(0, len(first))]
        end = len(text) - len(last)
        for word in middle:
            place = text.find(word, places[-1][1], end)
            if place < 0:
                return None
            places.append((place, place + len(word)))
        return [text[before[1] : after[0]] for before, after in pairwise([*places, (end, len(text))])]


@dataclass(frozen=True)
class Translation:
    """A text in another language; `score` is how many letters of it were recognised."""

    text: str
    score: int = 0


def translate(text: str) -> str:
    """Return a sentence of the product in the language of the page; what is not recognised stays as it is."""
    if language() == ENGLISH or len(text) > MAX_LENGTH:
        return text
    return _translate(language(), text, MAX_DEPTH).text


@lru_cache(maxsize=4096)
def _translate(code: str, text: str, depth: int) -> Translation:
    if not depth or not text:
        return Translation(text)
    exact = sentences(code).get(text)
    if exact is not None:
        return Translation(exact, len(text))
    if NUMBER.fullmatch(text):
        return Translation(number(int(text.replace(",", ""))) if "," in text else text, len(text))
    if time := TIME.fullmatch(text):
        day = date_with_year(date.fromisoformat(time["day"])) if time["day"] else _spoken_day(time["spoken"])
        return Translation(f"{day}{time['clock'] or ''}", len(text))
    # No message with blanks is one word.
    if " " not in text:
        return Translation(text)
    # The first of equals: what stands in a blank hardly goes on into the next sentence.
    ways = [_in_parts(code, text, depth), _without_stop(code, text, depth), *_as_message(code, text, depth)]
    return max(ways, key=lambda one: one.score)


def _as_message(code: str, text: str, depth: int) -> Iterator[Translation]:
    """Take it for each message that it can be, with what stands in its blanks translated in its turn."""
    patterns = _patterns(code)
    near = (*patterns.get(text[:INDEXED], ()), *patterns[""])
    matches = ((message, message.values(text)) for longest, message in near if longest in text)
    candidates = [(message, values) for message, values in matches if values is not None]
    for message, values in sorted(candidates, key=lambda match: -match[0].length)[:MAX_CANDIDATES]:
        filled = [_value(code, value, depth - 1) for value in values]
        if message.is_vague and filled[-1].score < len(values[-1]):
            continue
        words = dict(zip(message.blanks, (value.text for value in filled), strict=True))
        whole = BLANK.sub(lambda blank, words=words: words[blank[1]], message.translation)  # type: ignore[misc]
        if text[0].isupper():
            whole = whole[0].upper() + whole[1:]
        yield Translation(whole, message.length + sum(value.score for value in filled))


def _without_stop(code: str, text: str, depth: int) -> Translation:
    """Take the full stop for what came after a message, for none of its last blank."""
    if not text.endswith("."):
        return Translation(text)
    bare = _translate(code, text.removesuffix("."), depth - 1)
    return Translation(f"{bare.text}.", bare.score)


def _in_parts(code: str, text: str, depth: int) -> Translation:
    """Take it for several sentences, or for several things in one."""
    parts = next((parts for between in PARTS if len(parts := between.split(text)) > 1), None)
    if parts is None:
        return Translation(text)
    translated = [_translate(code, part, depth - 1) for part in parts]
    return Translation("".join(part.text for part in translated), sum(part.score for part in translated))


def _value(code: str, text: str, depth: int) -> Translation:
    """Translate what stands in a blank; a sentence may have lost its full stop there."""
    whole = _translate(code, text, depth)
    if whole.score == len(text) or text.endswith("."):
        return whole
    stopped = _translate(code, f"{text}.", depth)
    return Translation(stopped.text.removesuffix("."), stopped.score) if stopped.score > whole.score + 1 else whole


def _spoken_day(text: str) -> str:
    """Translate "Friday, 27 November 2026"."""
    day, month, year = text.split(", ")[1].split()
    return format_date(date(int(year), MONTHS.index(month) + 1, int(day)), "full", locale=language())


@cache
def _patterns(code: str) -> dict[str, list[tuple[str, SentencePattern]]]:
    """Return the messages with blanks by their first letters, each after the longest of its words.

    Those that begin with a blank, or with less, are under nothing.
    """
    patterns: dict[str, list[tuple[str, SentencePattern]]] = {"": []}
    for original, translation in sentences(code).items():
        first, *rest = BLANK.split(original)
        if rest:
            words = (first, *rest[1::2])
            pattern = SentencePattern(words, tuple(rest[0::2]), translation)
            key = first[:INDEXED] if len(first) >= INDEXED else ""
            patterns.setdefault(key, []).append((max(words, key=len), pattern))
    return patterns
