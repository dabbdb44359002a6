"""German pages say nothing of the product's in English: neither what stands on them nor why a form is refused."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from babel.messages.pofile import read_po

from api.dashboard import translations
from api.dashboard.sentences import translate
from api.dashboard.views.schedules import schedule
from heartbeat.domain.cadence.ticks import Cadence
from tests.support.dashboard import SITE, Owner, a_run, every_page
from tests.support.html_pages import HtmlForm, HtmlPage, path_of
from tests.support.one_of_everything import one_of_everything
from tests.support.pending_rows import a_message, a_target, a_task, a_tool
from tests.support.seeds import NOW, a_heartbeat

FAILED = "gpt:5: the provider is overloaded."
BLANK = re.compile(r"\{\w+\}|%\(\w+\)s|%s|%%")
PAUSED = {"enabled": False, "pause_reason": "errors", "pause_cause": "failures", "error_count": 3, "pause_since": NOW}


@pytest.fixture
def german() -> Any:
    translations.use("de")
    yield
    translations.use(translations.ENGLISH)


def english_phrases() -> list[str]:
    """What the catalogue has otherwise in German, of three words and more: of each text its longest piece."""
    with (translations.CATALOGUES / "de.po").open("rb") as file:
        messages = [(message.id, str(message.string)) for message in read_po(file) if message.id]
    texts = {text: german for ids, german in messages for text in ([ids] if isinstance(ids, str) else ids)}
    pieces = {max(BLANK.split(text), key=len).strip(): german for text, german in texts.items()}
    return [piece for piece, german in pieces.items() if len(piece.split()) > 2 and piece not in german]


def english_on(page: HtmlPage, phrases: list[str]) -> list[str]:
    text = " ".join(" ".join(page.texts).split())
    return [phrase for phrase in phrases if phrase in text and re.search(rf"\b{re.escape(phrase)}\b", text)]


def said(connection: Any, owner: Owner) -> None:
    """Rows with sentences of the product in every place where one is kept."""
    a_heartbeat(connection, owner.bot, **PAUSED, pause_detail=FAILED, interval_minutes=90, cron_pattern=None)
    failed = {"status": "error", "error_code": "overloaded", "error_message": FAILED}
    run = a_run(connection, owner.heartbeat, **failed)
    a_run(
        connection, owner.heartbeat, status="skipped", skip_reason="held", error_message="Held by a key of the project."
    )
    a_tool(connection, owner.heartbeat, last_error="The tool server desk lost the connection.")
    a_task(connection, owner.heartbeat, **PAUSED, pause_detail=FAILED)
    gone = {"is_enabled": False, "disabled_reason": "https://x.example answered 410 Gone"}
    target = a_target(connection, owner.heartbeat, **gone)
    words = {"last_error": "The target was disabled or deleted."}
    data = {"run": run.uuid, "message": FAILED, "code": "overloaded"}
    a_message(
        connection,
        owner.heartbeat,
        target,
        data=data,
        status="failed",
        **words,
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_no_page_says_in_english_what_is_there_in_german(owner: Owner) -> None:
    # A schedule is said anew, by no message of the catalogue.
    phrases = [*english_phrases(), "Every 90 minutes", "At 00:00, on"]
    await owner.database.write(one_of_everything, owner, "Zaun")
    await owner.database.write(said, owner)
    owner.browser.headers["accept-language"] = "de"
    pages = await every_page(owner.browser)
    forms = {path_of(form.action): form for page in pages.values() for form in page.forms if form.typed}
    refused = {f"refused: {path}": await _refused(owner, form) for path, form in forms.items()}
    nothing = {"an error": HtmlPage((await owner.browser.get("/heartbeats/hb_nope")).text)}
    english = {address: english_on(page, phrases) for address, page in (pages | refused | nothing).items()}
    assert {address: found for address, found in english.items() if found} == {}
    owner.browser.cookies.set(translations.COOKIE, "en")
    assert english_on(HtmlPage(await owner.browser.page("/tools")), phrases)


async def _refused(owner: Owner, form: HtmlForm) -> HtmlPage:
    """What comes back when nonsense was typed into each field."""
    fields = {name: "?" if name in form.typed else value for name, value in form.fields + form.buttons[:1]}
    send = {"params": fields} if form.method == "get" else {"data": fields}
    answer = await owner.browser.request(form.method.upper(), form.action, headers={"origin": SITE}, **send)
    assert answer.status_code < 500
    return HtmlPage(answer.text)


CRONS = [
    ("0 9 * * 1-5", "Um 09:00 Uhr, Montag bis Freitag"),
    ("30 9,17 * * *", "Um 09:30 und 17:30 Uhr"),
    ("0 * * * *", "Zu jeder vollen Stunde"),
    ("* * * * *", "Jede Minute"),
    ("*/15 * * * *", "Alle 15 Minuten"),
    ("*/7 * * * *", "Jede 7. Minute jeder Stunde"),
    ("15,45 * * * *", "In Minute 15 und 45 jeder Stunde"),
    ("*/10 9-17 * * 1-5", "Alle 10 Minuten, von 09:00 bis 17:59, Montag bis Freitag"),
    ("0 9-17 * * *", "Zur vollen Stunde, von 09:00 bis 17:00"),
    ("0 */2 * * *", "Zur vollen Stunde, jede 2. Stunde"),
    ("10-20 3 * * *", "Jede Minute von 10 bis 20, in der Stunde ab 03:00 Uhr"),
    ("0 9 L * *", "Um 09:00 Uhr, am letzten Tag des Monats"),
    ("0 9 1,15 * *", "Um 09:00 Uhr, am 1. und 15. Tag des Monats"),
    ("0 9 1-7 * 1", "Um 09:00 Uhr, am 1. bis 7. Tag des Monats oder am Montag"),
    ("0 9 */2 * 1", "Um 09:00 Uhr, an jedem 2. Tag, wenn das am Montag ist"),
    ("0 9 * * 5L", "Um 09:00 Uhr, am letzten Freitag des Monats"),
    ("0 9 * * 1#2", "Um 09:00 Uhr, am 2. Montag des Monats"),
    ("0 9 * 3-5 0,1", "Um 09:00 Uhr, am Sonntag und Montag, März bis Mai"),
    ("0 9 1 1 *", "Um 09:00 Uhr, am 1. Tag des Monats, im Januar"),
    ("0 9 1 */3 *", "Um 09:00 Uhr, am 1. Tag des Monats, in jedem 3. Monat"),
]


@pytest.mark.usefixtures("german")
@pytest.mark.parametrize(("pattern", "words"), CRONS)
def test_a_pattern_in_german(pattern: str, words: str) -> None:
    assert schedule(Cadence("Europe/Vienna", pattern)) == f"{words}, Ortszeit Wien"


@pytest.mark.usefixtures("german")
def test_other_cadences_in_german() -> None:
    active = {"active_hours_start": "22:00", "active_hours_end": "06:00", "active_days": "3,6"}
    interval = Cadence("UTC", interval_minutes=120, **active)
    assert schedule(interval) == "Alle 2 Stunden, zwischen 22:00 und 06:00 Uhr, am Mittwoch und Samstag, UTC"
    once = Cadence("Asia/Tokyo", run_at=datetime(2026, 11, 27, 9, tzinfo=UTC))
    assert schedule(once) == "Einmal, am Freitag, 27. November 2026 um 18:00 Uhr, Ortszeit Tokio"


SENTENCES = [
    ("must be at most 10,000", "darf höchstens 10.000 sein"),
    ("must be 'agent' or 'ask'", "muss 'agent' oder 'ask' sein"),
    ("There is no bot 'bot_x' here; check the id.", "Nicht gefunden: Bot 'bot_x'; die Kennung prüfen."),
    (
        "hour '99' is not valid; write *, 0 to 23; also a list (1,3), a rising range (1-5), a step (*/2)",
        "Stunde '99' ist nicht gültig; * schreiben, 0 bis 23; auch eine Liste (1,3), einen steigenden Bereich (1-5), "
        "eine Schrittweite (*/2)",
    ),
    (
        "Failed 3 times in a row; the last error: gpt:5: the provider failed. It is tried again at 2026-11-27 09:00 "
        "(UTC); enable it to have it run sooner.",
        "3‑mal in Folge fehlgeschlagen; der letzte Fehler: gpt:5: Beim Anbieter ist etwas fehlgeschlagen. Der nächste "
        "Versuch ist am 27. Nov. 2026 09:00 (UTC); früher läuft er, wenn er eingeschaltet wird.",
    ),
    (
        "The tool server crm cannot be reached: 10.0.0.1 is a private address. Only the public internet is open; the "
        "operator's HEARTBEAT_EGRESS_ALLOW opens more.",
        "Der Werkzeugserver crm ist nicht erreichbar: 10.0.0.1 ist eine private Adresse. Offen ist nur das öffentliche "
        "Internet; mehr öffnet der Betreiber mit HEARTBEAT_EGRESS_ALLOW.",
    ),
    (
        "One run was missed: nothing was there for it on Friday, 27 November 2026, 09:00 (UTC). That is over.",
        "Ein Lauf wurde versäumt: Freitag, 27. November 2026, 09:00 (UTC) war nichts da, das ihn ausführen konnte. Das "
        "ist vorbei.",
    ),
    (
        "https://x.example answered 503 Service Unavailable. Of 2 attempts nobody knows whether they arrived; another "
        "might be one more.",
        "https://x.example hat mit 503 Service Unavailable geantwortet. Ob 2 Versuche ankamen, weiß niemand; ein "
        "weiterer käme vielleicht doppelt an.",
    ),
    # What others write.
    ("The site is down.", "The site is down."),
    ("From Berlin to Paris", "From Berlin to Paris"),
    ("x" * 3000, "x" * 3000),
]


@pytest.mark.usefixtures("german")
@pytest.mark.parametrize(("english", "words"), SENTENCES)
def test_a_sentence_in_german(english: str, words: str) -> None:
    assert translate(english) == words
