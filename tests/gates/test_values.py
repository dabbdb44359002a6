"""What a gate takes from an answer to compare."""

import pytest

from heartbeat.gates.values import Unusable, page_value, text_value

PAGE = "<title>News</title><main><h2>One</h2><p>First &lt;b&gt;</main><aside>Ad 17:05</aside>"


@pytest.mark.parametrize(
    ("select", "value"),
    [
        (None, "News\n\n## One\n\nFirst <b>\n\nAd 17:05"),
        ("main", "## One\n\nFirst <b>"),
        ("h2, aside", "## One\nAd 17:05"),
    ],
)
def test_the_words_of_a_page(select: str | None, value: str) -> None:
    assert page_value(PAGE, "https://example.com", select) == value


@pytest.mark.parametrize(
    ("text", "select", "value"),
    [
        ("a \r\nb", None, "a\nb"),
        ('{"b":1,"a":["x",null]}', None, '{\n "a": [\n  "x",\n  null\n ],\n "b": 1\n}'),
        ('\ufeff{"b":1}', "/b", "1"),
        ('{"a":{"b":"words\\nof two lines"}}', "/a/b", "words\nof two lines"),
        ('[{"id":7}]', "/0/id", "7"),
        ('{"a":"\\ud800\\u0000"}', "/a", "\ufffd\ufffd"),
        ("{ no json", None, "{ no json"),
        ("", None, ""),
        ("[" * 100_000, None, "[" * 100_000),
    ],
)
def test_the_part_of_a_text_that_counts(text: str, select: str | None, value: str) -> None:
    assert text_value(text, select) == value


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda: page_value(PAGE, "", "article"), "nothing that article names"),
        (lambda: page_value(PAGE, "", "/items"), "a page takes a CSS selector"),
        (lambda: text_value('{"a": 1}', "main"), "JSON takes a pointer"),
        (lambda: text_value('{"a": 1}', "/a/b"), "'b' leads nowhere"),
        (lambda: text_value("a", "/a"), "no JSON"),
    ],
)
def test_what_has_nothing_to_compare_is_said(read: object, words: str) -> None:
    with pytest.raises(Unusable, match=words):
        read()
