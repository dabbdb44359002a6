"""Whatever agents, tools and people write is text on every page, whether it came as a row or through a form."""

import pytest

from heartbeat.domain.text import spelled_turns
from tests.support.dashboard import SITE, Owner, every_page
from tests.support.hostile_strings import STRINGS, TURNING
from tests.support.html_pages import HtmlForm, HtmlPage, dangers, path_of
from tests.support.one_of_everything import one_of_everything

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def visited(owner: Owner) -> dict[str, HtmlPage]:
    """One page of each kind that the dashboard leads to, by its address; all are pages, and none is dangerous."""
    pages = await every_page(owner.browser)
    assert {address: dangers(page) for address, page in pages.items() if dangers(page)} == {}
    return pages


@pytest.mark.parametrize("first", ["<script>", "javascript:", "data:", "<!--", "="])
async def test_hostile_text_is_text_in_every_row(owner: Owner, first: str) -> None:
    """All strings as one text, which begins with what matters at the beginning: of an address, of a cell."""
    strings = sorted(STRINGS, key=lambda string: not string.startswith(first))
    await owner.database.write(one_of_everything, owner, "\n".join(strings))
    assert len(await visited(owner)) > 10


async def test_a_name_does_not_turn_the_sentence_it_stands_in(owner: Owner) -> None:
    await owner.database.write(one_of_everything, owner, TURNING)
    pages = await visited(owner)
    texts = {(address, text) for address, page in pages.items() for text in page.texts}
    assert {address for address, text in texts if "\u2068Turned\u2069" in text} >= {"/", "/approvals", "/tools"}
    typed = {value for page in pages.values() for form in page.forms for _, value in form.fields}
    # What is read is spelled out, what is typed stays as it is.
    assert {(address, text) for address, text in texts if text not in typed and spelled_turns(text) != text} == set()
    assert any(TURNING in value for value in typed)
    assert any("[U+2069][U+202E]Turned" in text for _, text in texts)


async def test_each_string_is_text_in_every_field(owner: Owner) -> None:
    await owner.database.write(one_of_everything, owner, "Harmless")
    forms = [form for page in (await visited(owner)).values() for form in page.forms if form.typed]
    by_path = {path_of(form.action): form for form in forms}
    assert len(by_path) > 3
    for form in by_path.values():
        for number, string in enumerate(STRINGS):
            await _is_text(owner, form, string, number)
    await visited(owner)


async def _is_text(owner: Owner, form: HtmlForm, string: str, number: int) -> None:
    """Send a form with one string in all that is typed; what comes back is a page on which it is text."""
    buttons = [form.buttons[number % len(form.buttons)]] if form.buttons else []
    fields = [(name, string if name in form.typed else value) for name, value in form.fields + buttons]
    send = {"params": dict(fields)} if form.method == "get" else {"data": dict(fields)}
    answer = await owner.browser.request(form.method.upper(), form.action, headers={"origin": SITE}, **send)
    assert answer.status_code < 500, (form.action, string)
    if answer.headers.get("content-type", "").startswith("text/html"):
        assert dangers(HtmlPage(answer.text)) == [], (form.action, string)
