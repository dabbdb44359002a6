"""Which elements of a page a CSS selector names."""

import pytest

from heartbeat.agents.tools.built_in.html_text import html_to_text
from heartbeat.gates.page_selection import MAX_ELEMENTS, PageTooLarge, selected_html

PAGE = """<!doctype html><html lang="en-GB"><head><title>Prices</title><style>p > b {}</style></head><body class="a b">
<div id="main"><h1>Prices</h1><p class="intro">All of <b>today</b><p>Second &amp; last<br>line</div>
<ul><li>one<li class="on">two<ul><li>inner</ul><li>three</ul>
<table><tr><th>Item<th>Price<tr><td>Tea<td data-price="3">3 EUR<tr><td>Milk<td data-price="12">12 EUR</table>
<a href="x.pdf" REL="nofollow Me">file</a> <img alt="x"><span>last</span></body></html>"""


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("h1", ["Prices"]),
        ("title", ["Prices"]),
        ("#main p", ["All of today", "Second & last line"]),
        ("#main > b", []),
        ("#main b, span", ["today", "last"]),
        ("div *", ["Prices", "All of today", "Second & last line"]),
        (".intro", ["All of today"]),
        ("p:not(.intro)", ["Second & last line"]),
        ("body.a.b > span", ["last"]),
        ("BODY > SPAN", ["last"]),
        ("li.on li", ["inner"]),
        ("body > ul > li", ["one", "two inner", "three"]),
        ("ul > li:first-child", ["one", "inner"]),
        ("ul > li:nth-child(2n+1)", ["one", "inner", "three"]),
        ("body > ul > li:nth-child(-n+2)", ["one", "two inner"]),
        ("li.on + li", ["three"]),
        ("li ~ li", ["two inner", "three"]),
        ("h1 + p", ["All of today"]),
        ("h1 ~ p", ["All of today", "Second & last line"]),
        ("table > tbody > tr:nth-child(3) > td:nth-of-type(2)", ["12 EUR"]),
        ("tr > td[data-price]", ["3 EUR", "12 EUR"]),
        ("[data-price='12']", ["12 EUR"]),
        ("[data-price^='1']", ["12 EUR"]),
        ("a[href$='.pdf'][rel~='nofollow']", ["file"]),
        ("a[rel~='me' i]", ["file"]),
        ("a[rel~='me']", []),
        ("a[href*='']", []),
        ("html[lang|='en'] > body > a", ["file"]),
        ("td:is([data-price='3'], [data-price='4'])", ["3 EUR"]),
        ("video", []),
    ],
)
def test_a_selector_names_elements(selector: str, words: list[str]) -> None:
    elements = [" ".join(html_to_text(element, "").split()) for element in selected_html(PAGE, selector)]
    assert [element.lstrip("-#| ").replace(" - ", " ") for element in elements] == words


@pytest.mark.parametrize(
    ("page", "selector", "count"),
    [
        ("just words", "p", 0),
        ("<p>no body", "html > body > p", 1),
        ("<title>t</title><div><p>x", "body > div > p", 1),
        ("<div><p>x</div></p></div><b>y", "b", 1),
        ("<table><td>a</div><td>b", "td", 2),
        ("<script>'<p>'</script><p>x", "p", 1),
        ("<!-- <p> --><p>x", "p", 1),
        ("<p id=a id=b>x", "#a", 1),
        ("<p id=a id=b>x", "#b", 0),
        ("<p>x", "p", 1),
        ("<![foo[bar]]><p>x", "p", 1),
        ("<p>x</p><![ 3", "p", 1),
        ("<div/><p>x", "div > p", 1),
        ("<br/><p>x", "br + p", 1),
    ],
)
def test_a_page_may_be_written_badly(page: str, selector: str, count: int) -> None:
    assert len(selected_html(page, selector)) == count


# Pages with which a parser that builds the tree of a browser takes minutes or gigabytes. What is done is counted in
# elements; the time of each test is a fraction of a second.
HOSTILE = {
    "deep": "<div>" * MAX_ELEMENTS + "<p>x</p>",
    "formats": "".join(f"<p><b class=c{number}>" for number in range(5_000)),
    "attributes": "<p " + " ".join(f"a{number}=1" for number in range(20_000)) + ">x",
    "stray ends": "<div><p>x" + "</b></i></td>" * 10_000,
}


@pytest.mark.parametrize("page", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_page_is_read_once(page: str) -> None:
    assert len("".join(selected_html(page, "div p, div ~ p b, p b + p, p"))) <= 3 * len(page)


def test_a_page_of_too_many_elements_is_not_looked_through() -> None:
    with pytest.raises(PageTooLarge):
        selected_html("<p>" * (MAX_ELEMENTS + 1), "p")
