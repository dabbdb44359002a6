"""Pages load the style of what stands on them, and not that of other pages."""

import re

import pytest

from api.dashboard.render import ASSETS, asset
from tests.support.dashboard import Owner, every_page
from tests.support.html_pages import HtmlPage
from tests.support.one_of_everything import one_of_everything

# The classes of sheets that only some pages have.
SPLIT = {"door.css": ("door",), "matters.css": ("ask", "given", "matters"), "offers.css": ("steps", "offers")}


def test_each_class_is_of_one_sheet() -> None:
    for sheet, names in SPLIT.items():
        for name in names:
            assert [one for one in ASSETS if re.search(rf"^\.{name} {{", asset(one), re.MULTILINE)] == [sheet]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_pages_load_the_style_of_what_stands_on_them(owner: Owner) -> None:
    await owner.database.write(one_of_everything, owner, "Harmless")
    pages = await every_page(owner.browser)
    for path in ("/sign-in", "/heartbeats/hb_nobody"):
        pages[path] = HtmlPage((await owner.browser.get(path)).text)
    needed = {(path, sheet) for path, page in pages.items() for sheet in SPLIT if _classes(page) & {*SPLIT[sheet]}}
    assert {sheet for _, sheet in needed} == {*SPLIT}
    assert needed - {(path, sheet) for path, page in pages.items() for sheet in _sheets(page)} == set()


def _classes(page: HtmlPage) -> set[str]:
    return {name for _, attributes in page.elements for name in (attributes.get("class") or "").split()}


def _sheets(page: HtmlPage) -> set[str]:
    return {(attributes.get("href") or "")[1:].split("?")[0] for tag, attributes in page.elements if tag == "link"}
