"""The language of a page: English stands in the code and the templates, every other language is one file in `locale/`.

A catalogue is a `.po` file, as gettext has it and as every translator's program opens it.
"""

from collections.abc import Iterable
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from babel import negotiate_locale

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

CATALOGUES = Path(__file__).parent / "locale"
ENGLISH = "en"
COOKIE = "heartbeat_language"
# The context of the messages that are no page's own: see sentences.py.
SENTENCE = "sentence"

_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


@cache
def languages() -> tuple[str, ...]:
    """List what there is, as language codes; English first."""
    return (ENGLISH, *sorted(path.stem for path in CATALOGUES.glob("*.po")))


def choose(cookie: str, accept_language: str) -> str:
    """Return the language of a request: the one its cookie names, else the first it accepts, else English."""
    if cookie in languages():
        return cookie
    # Without their weights: browsers list them in order.
    accepted = [part.partition(";")[0].strip().replace("-", "_") for part in accept_language[:200].split(",")]
    return negotiate_locale([*filter(None, accepted)], languages()) or ENGLISH


def use(language: str) -> None:
    """Make this the language of the request that is being handled."""
    _language.set(language)


def language() -> str:
    return _language.get()


def gettext(message: str) -> str:
    """Return the message in the language of the page, or as it is."""
    # What gettext has for an empty one is the head of the catalogue.
    return _catalogue(language()).gettext(message) if message else ""


def ngettext(singular: str, plural: str, number: int) -> str:
    """`gettext` of the form for this number."""
    return _catalogue(language()).ngettext(singular, plural, number)


def marked(message: str) -> str:
    """Mark a text for the catalogue that is translated later, when it is shown."""
    return message


def translated(options: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the options of a control, pairs of a value and its marked words, in the language of the page."""
    return [(value, gettext(words)) for value, words in options]


def marked_plural(singular: str, plural: str) -> tuple[str, str]:
    """Mark the forms of a text for `ngettext`."""
    return singular, plural


@cache
def sentences(code: str) -> dict[str, str]:
    """Return the sentences that the rest of the product makes, in this language by the English that the API has."""
    return {str(message.id): str(message.string) for message in _file(code) if message.context == SENTENCE}


@cache
def _catalogue(code: str) -> NullTranslations:
    if code == ENGLISH:
        return NullTranslations()
    # Loaded with the first page in another language.
    from babel.messages.mofile import write_mo

    compiled = BytesIO()
    write_mo(compiled, _file(code))
    compiled.seek(0)
    return GNUTranslations(compiled)


@cache
def _file(code: str) -> "Catalog":
    from babel.messages.pofile import read_po

    with (CATALOGUES / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code)
