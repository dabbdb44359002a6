"""Agents' words as HTML: nothing in them runs, loads or leads astray."""

from html.parser import HTMLParser

import pytest
from markupsafe import escape

from api.dashboard.views.markdown import MAX_LENGTH, TAGS, markdown

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<a href='javascript:alert(1)' onclick=alert(1)>x</a>",
    "<style>*{display:none}</style>",
    "<form action=/sign-out method=post><button>x</button></form>",
    "<base href=//evil.example><meta http-equiv=refresh content=0>",
    "<details open ontoggle=alert(1)>",
    "<!--><script>alert(1)</script>-->",
    "<math><mtext><table><mglyph><style><img src onerror=alert(1)>",
    "```html\n<script>alert(1)</script>\n```",
    "`<script>alert(1)</script>`",
    "![x](https://evil.example/seen.png)",
    "![x](data:image/svg+xml,<svg onload=alert(1)>)",
    '![" onerror="alert(1)](x)',
    "![x][y]\n\n[y]: https://evil.example/seen.png 'title\" onload=\"x'",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](vbscript:x)",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](file:///etc/passwd)",
    "[x](/sign-out)",
    "[x](//evil.example)",
    "[x](\\\\evil.example)",
    "[x](?done=approved)",
    "[x](#main)",
    "[x](ftp://evil.example)",
    "<javascript:alert(1)>",
    '<https://evil.example/"onmouseover=alert(1)>',
    '[x](https://evil.example "onmouseover=alert(1)")',
    "[x](https://evil.example/<script>)",
    "| <script> |\n| --- |\n| <img src=x onerror=alert(1)> |",
    "# <script>alert(1)</script>\n\n1) <b onclick=x>one</b>",
    "> ".join("<b>" for _ in range(60)),
    "[" * 500 + "](" * 500,
    "*a **b " * 300,
    "\x00\ud7ff\u202e\u2028<b>",
]


class Read(HTMLParser):
    """The tags of a text, each with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_is_left(text: str) -> None:
    html = markdown(text)
    assert html is not None
    for tag, attributes in Read(html).tags:
        assert tag in TAGS
        assert set(attributes) <= ({"href", "rel"} if tag == "a" else {"start"} if tag == "ol" else set())
        if tag == "a" and "href" in attributes:
            assert str(attributes["href"]).startswith(("http://", "https://", "mailto:"))
            assert attributes["rel"] == "nofollow noopener noreferrer"


WORDS = [
    ("**Two** tickets\nwait", "<p><strong>Two</strong> tickets<br>\nwait</p>\n"),
    ("# One\n\n#### Four", "<h3>One</h3><h6>Four</h6>"),
    ("3. three\n4. four", '<ol start="3">\n<li>three</li>\n<li>four</li>\n</ol>\n'),
    ("| a |\n| -: |\n| 1 |", "<th>a</th>"),
    ("~~no~~ `1 < 2`", "<s>no</s> <code>1 &lt; 2</code>"),
    (
        "[site](https://example.com/a?b=1&c=2)",
        '<a href="https://example.com/a?b=1&amp;c=2" rel="nofollow noopener noreferrer">site</a>',
    ),
    ("<mailto:ada@example.com>", '<a href="mailto:ada@example.com" rel="nofollow noopener noreferrer">'),
    (
        "![a chart](https://example.com/c.png)",
        '<a href="https://example.com/c.png" rel="nofollow noopener noreferrer">a chart</a>',
    ),
    ("![](https://example.com/c.png)", ">https://example.com/c.png</a>"),
    ("<b>raw</b>", str(escape("<b>raw</b>"))),
    ("[here](/sign-out)", '<a rel="nofollow noopener noreferrer">here</a>'),
]


def test_what_people_write_is_shown() -> None:
    for text, html in WORDS:
        assert html in str(markdown(text)), text


def test_a_long_text_is_left_as_it_is() -> None:
    assert markdown("a" * MAX_LENGTH) is not None
    assert markdown("a" * (MAX_LENGTH + 1)) is None
