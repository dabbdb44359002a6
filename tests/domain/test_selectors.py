"""What `select` of a gate may be, and what a pointer leads to."""

import pytest

from heartbeat.domain.selectors import pointed, require_selectable

DOCUMENT = {"items": [{"id": 1}, {"id": 2}], "a/b": 3, "m~n": 4, "": 5, "0": "zero"}


@pytest.mark.parametrize(
    "select", ["/", "/items/0", "/a~1b", "main article", " h1 ", "#a > li:nth-child(2n + 1)", "a:not(.b), c ~ d"]
)
def test_a_pointer_or_a_selector_is_taken(select: str) -> None:
    assert require_selectable(select) == select.strip()


@pytest.mark.parametrize(
    ("select", "words"),
    [
        ("/a~2", "~ is written ~0"),
        ("div[", "is no CSS selector"),
        ("$.items", "is no CSS selector"),
        ("p::text", "::text names no element"),
        ("p:hover", "not among what a gate can select by"),
        ("p:last-child", "not among what a gate can select by"),
        ("p:nth-child(x)", "does not count"),
        ("div:has(p)", "looks at what comes later"),
        ("p:is(a b)", "takes? the description of one|is no CSS selector"),
        ("p:not(a b)", "take the description of one element"),
        ("*," * 40 + "*", "30 elements at most"),
    ],
)
def test_what_is_neither_is_refused_in_words(select: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        require_selectable(select)


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("/items/1/id", 2), ("/items/0", {"id": 1}), ("/a~1b", 3), ("/m~0n", 4), ("/", 5), ("/0", "zero")],
)
def test_a_pointer_leads_to_a_value(pointer: str, value: object) -> None:
    assert pointed(DOCUMENT, pointer) == value


@pytest.mark.parametrize("pointer", ["/none", "/items/2", "/items/-1", "/items/01", "/items/x", "/a~1b/c", "/items/²"])
def test_a_pointer_that_leads_nowhere_says_where(pointer: str) -> None:
    with pytest.raises(LookupError, match=pointer.split("/")[-1]):
        pointed(DOCUMENT, pointer)
