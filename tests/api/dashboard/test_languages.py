"""Every text of the pages is in every catalogue, with the same blanks to fill; each language has its own formats."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from api.dashboard import render, translations
from api.dashboard.gallery import gallery_texts
from api.dashboard.views import formats
from tests.support.dashboard import Owner
from tests.support.product_sentences import product_sentences

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OTHERS = [language for language in translations.languages() if language != translations.ENGLISH]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "marked": None, "marked_plural": (1, 2)}
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
BLANK = re.compile(r"%\(\w+\)s|%s|\{\w+\}|<[^>]+>")

Text = str | tuple[str, ...]


def texts() -> set[Text]:
    """What the code and the templates of the pages mark."""
    options = {"**.html": {"trimmed": "true"}}
    extracted = extract_from_dir(render.HERE, METHODS, options, keywords=KEYWORDS)
    return {message for _, _, message, _, _ in extracted}


def messages(language: str) -> list[Message]:
    with (translations.CATALOGUES / f"{language}.po").open("rb") as file:
        return [message for message in read_po(file, locale=language) if message.id]


@pytest.fixture
def german() -> Iterator[None]:
    translations.use("de")
    yield
    translations.use(translations.ENGLISH)


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_has_each_text_and_no_other(language: str) -> None:
    known = {message.id for message in messages(language) if not message.context and all(message.string)}
    marked = texts()
    assert len(marked) > 900
    assert marked - known == set()
    # Whoever adds a template need not speak every language: it is shown in English then.
    assert known - marked - gallery_texts() == set()


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_has_each_sentence_of_the_product_and_no_other(language: str) -> None:
    known = {message.id for message in messages(language) if message.context and message.string}
    made = product_sentences()
    assert len(made) > 400
    assert made - known == set()
    assert known - made == set()


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_fills_the_same_blanks(language: str) -> None:
    for message in messages(language):
        original = message.id if isinstance(message.id, str) else message.id[1]
        translation = message.string if isinstance(message.string, str) else message.string[1]
        assert sorted(BLANK.findall(original)) == sorted(BLANK.findall(translation)), original


@pytest.mark.usefixtures("german")
def test_german_formats() -> None:
    assert formats.number(1_234_567) == "1.234.567"
    assert formats.took(400) == "0,4 s"
    assert formats.dollars(1_250_000_000) == "1,25 $"
    assert (formats.count(1, "run"), formats.count(2, "run")) == ("1 Lauf", "2 Läufe")
    assert formats.moment(NOW + timedelta(days=1), UTC, NOW).clock == "morgen, 12:00"
    assert formats.moment(NOW + timedelta(days=4), UTC, NOW).clock == "Di., 24. Nov., 12:00"
    assert formats.relative(NOW - timedelta(days=5), NOW) == "vor 5 Tagen"
    assert formats.span(5 * 86_400) == "5 Tage"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_pages_speak_the_language_of_the_cookie_or_the_browser(owner: Owner) -> None:
    paths = ["/", "/runs", "/upcoming", "/tasks", "/findings", f"/heartbeats/{owner.heartbeat.uuid}", "/settings"]
    owner.browser.headers["accept-language"] = "de-AT,de;q=0.9"
    for path in paths:
        page = await owner.browser.page(path)
        assert '<html lang="de">' in page
        assert "Demnächst" in page
    owner.browser.cookies.set(translations.COOKIE, "en")
    assert '<html lang="en">' in await owner.browser.page("/")
