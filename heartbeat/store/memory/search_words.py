"""A text as the words it is found by, the same on both databases: SQLite and PostgreSQL split and fold by other rules.

Small letters without accents; of scripts that put no spaces between words, each character is a word of its own.
"""

import re
import unicodedata
from itertools import pairwise

# Thai to Khmer, kana, and the ideographs.
UNSPACED = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
CHARACTERS = re.compile(rf"[{UNSPACED}]+|[^\W_{UNSPACED}]+")
IS_UNSPACED = re.compile(rf"[{UNSPACED}]")
MAX_WORD_LENGTH = 64


def phrases(text: str) -> list[tuple[str, ...]]:
    """Split a query into what to look for: letters and digits alone, so that no search syntax comes through.

    Of characters without spaces between them every two neighbours are a phrase, as a word may begin anywhere.
    """
    parts: list[tuple[str, ...]] = []
    for group in _groups(text):
        parts += pairwise(group) if len(group) > 1 else [tuple(group)]
    return parts


def spelled(text: str) -> str:
    """Write the words of a text with spaces between them, as the index takes them."""
    return " ".join(word for group in _groups(text) for word in group)


def _groups(text: str) -> list[list[str]]:
    """Split into single words, and unspaced scripts into groups of one-character words."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    plain = unicodedata.normalize("NFKC", "".join(c for c in folded if not unicodedata.category(c).startswith("M")))
    parts = (match[0] for match in CHARACTERS.finditer(plain))
    return [list(part) if IS_UNSPACED.match(part) else [part[:MAX_WORD_LENGTH]] for part in parts]
