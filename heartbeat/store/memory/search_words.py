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
    """What is looked for: each word, and of characters without spaces between them each two neighbours, as a word may
    begin anywhere. Letters and digits alone, so that no search syntax comes through."""
    found: list[tuple[str, ...]] = []
    for row in _rows(text):
        found += pairwise(row) if len(row) > 1 else [tuple(row)]
    return found


def spelled(text: str) -> str:
    """What is indexed: the words of a text with spaces between them."""
    return " ".join(word for row in _rows(text) for word in row)


def _rows(text: str) -> list[list[str]]:
    folded = unicodedata.normalize("NFKD", text.casefold())
    plain = unicodedata.normalize("NFKC", "".join(c for c in folded if not unicodedata.category(c).startswith("M")))
    found = (match[0] for match in CHARACTERS.finditer(plain))
    return [list(one) if IS_UNSPACED.match(one) else [one[:MAX_WORD_LENGTH]] for one in found]
