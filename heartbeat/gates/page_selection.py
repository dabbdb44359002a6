"""The elements of a page that a selector names, as HTML.

No tree is built: the page is read once, and each element that begins carries which parts of the selector it ends. So
the time is that of the page and the selector multiplied, and the memory that of the page, whatever its tags are
(docs/decisions, "A gate reads a page once").
"""

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, field

from heartbeat.agents.tools.built_in.html_text import LenientParser
from heartbeat.domain.selectors import Compound, PageElement, css_selectors

# Deeper elements count as the inside of the last one that is counted.
MAX_DEPTH = 200
MAX_ELEMENTS = 50_000

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
OUTSIDE_BODY = {"html", "head", "body", "base", "link", "meta", "noscript", "script", "style", "template", "title"}

# Elements that end where another one begins.
PARAGRAPH = frozenset({"p"})
CELLS = frozenset({"td", "th"})
ROWS = CELLS | {"tr", "caption", "colgroup"}
SECTIONS = ROWS | {"thead", "tbody", "tfoot"}
TABLE = SECTIONS | {"table"}
TERMS = frozenset({"dt", "dd"})
ENDS = {name: frozenset({name}) for name in ("li", "option")}
ENDS |= {"dt": TERMS, "dd": TERMS, "td": CELLS, "th": CELLS, "tr": ROWS, "body": frozenset({"head"})}
ENDS |= dict.fromkeys(("thead", "tbody", "tfoot"), SECTIONS)
ENDS |= dict.fromkeys(("address", "article", "aside", "blockquote", "details", "dialog", "div", "dl"), PARAGRAPH)
ENDS |= dict.fromkeys(("fieldset", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6"), PARAGRAPH)
ENDS |= dict.fromkeys(("header", "hr", "main", "menu", "nav", "ol", "p", "pre", "section", "table", "ul"), PARAGRAPH)
# As far out as one of these an element looks for what it ends: a table's part, a paragraph, an item of a list.
TABLES = frozenset({"html", "table"})
CLOSED = TABLES | CELLS | {"caption", "button"}
SPECIAL = (TABLE | CLOSED | ENDS.keys() | {"blockquote", "select"}) - {"address", "div", "option", "p"}
SCOPES = dict.fromkeys(TABLE, TABLES) | dict.fromkeys(("li", "dt", "dd"), SPECIAL)


class PageTooLarge(Exception):
    """The page has more elements than are looked at."""


@dataclass
class _Open:
    """An element that has begun, and what its children need of it.

    Bits stand for the compounds of all selectors: `ends` those that this element fits with all before them, `above`
    these of it and its ancestors, `siblings` those of its children so far, `last` of the last one.
    """

    tag: str
    ends: int = 0
    above: int = 0
    siblings: int = 0
    last: int = 0
    children: int = 0
    of_type: Counter[str] = field(default_factory=Counter)


def selected_html(html: str, selector: str) -> list[str]:
    """Return each element that `selector` names and that is not inside of another one, in the order of the page."""
    page = _SelectedElements(css_selectors(selector))
    # Not closed, as in `html_to_text`: the comment brings out the words before it.
    page.feed(f"{html}<!---->")
    page.end_to(0)
    return page.selected


class _SelectedElements(LenientParser):
    def __init__(self, selectors: list[tuple[Compound, ...]]) -> None:
        super().__init__(convert_charrefs=False)
        self.selected: list[str] = []
        self._compounds = [compound for selector in selectors for compound in selector]
        ends = [sum(len(one) for one in selectors[: number + 1]) - 1 for number in range(len(selectors))]
        self._whole = sum(1 << end for end in ends)
        self._open = [_Open("")]
        self._inside: int | None = None
        self._parts: list[str] = []
        self._elements = 0
        self._too_deep: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._end_what_ends_before(tag)
        self._imply_what_is_around(tag)
        # Of an attribute that is there twice the first counts.
        self._begin(tag, {name: value or "" for name, value in reversed(attrs)})
        self._write(self.get_starttag_text() or "")
        if tag in VOID:
            self.end_to(len(self._open) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # In HTML the slash of `<div/>` ends nothing.
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._too_deep[tag]:
            self._too_deep[tag] -= 1
            self._write(f"</{tag}>")
            return
        # A tag that is astray ends nothing further out.
        scope = SCOPES.get(tag, CLOSED) if tag in SPECIAL or tag in ENDS else SPECIAL
        depth = self._outermost({tag}, scope, just_one=True)
        if depth is not None:
            self.end_to(depth)

    def handle_data(self, data: str) -> None:
        self._write(data)

    def handle_entityref(self, name: str) -> None:
        self._write(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._write(f"&#{name};")

    def end_to(self, depth: int) -> None:
        """End the element at `depth` and those inside of it."""
        while len(self._open) > max(depth, 1):
            self._write(f"</{self._open.pop().tag}>")
            if self._inside == len(self._open):
                self.selected.append("".join(self._parts))
                self._inside, self._parts = None, []

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        if self._is_full():
            self._too_deep[tag] += tag not in VOID
            return
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise PageTooLarge
        parent = self._open[-1]
        parent.children += 1
        parent.of_type[tag] += 1
        ends = self._ends(parent, PageElement(tag, attributes, parent.children, parent.of_type[tag]))
        parent.siblings, parent.last = parent.siblings | ends, ends
        if self._inside is None and ends & self._whole:
            self._inside = len(self._open)
        self._open.append(_Open(tag, ends, parent.above | ends))

    def _ends(self, parent: _Open, element: PageElement) -> int:
        """Return the bits of the compounds that `element` fits with all that stand before them in their selector."""
        reached = {" ": parent.above, ">": parent.ends, "+": parent.last, "~": parent.siblings}
        ends = 0
        for number, compound in enumerate(self._compounds):
            before = 1 if compound.combinator is None else reached[compound.combinator] >> (number - 1) & 1
            if before and compound.fits(element):
                ends |= 1 << number
        return ends

    def _end_what_ends_before(self, tag: str) -> None:
        ending = ENDS.get(tag)
        depth = self._outermost(ending, SCOPES.get(tag, CLOSED)) if ending and not self._is_full() else None
        if depth is not None:
            self.end_to(depth)

    def _outermost(self, tags: Set[str], scope: Set[str], just_one: bool = False) -> int | None:
        """Return how deep the outermost open element of `tags` within `scope` is, or with `just_one` the innermost."""
        depth = None
        for number in range(len(self._open) - 1, 0, -1):
            if self._open[number].tag in tags:
                depth = number
                if just_one:
                    break
            elif self._open[number].tag in scope:
                break
        return depth

    def _imply_what_is_around(self, tag: str) -> None:
        """Begin what a browser, and so a selector copied from it, has around an element though its tag is left out."""
        around = self._open[-1].tag
        if around == "" and tag != "html":
            self._begin("html", {})
            around = "html"
        if around == "html" and tag not in OUTSIDE_BODY:
            self._begin("body", {})
        elif around == "table" and tag == "tr":
            self._begin("tbody", {})

    def _is_full(self) -> bool:
        return len(self._open) > MAX_DEPTH

    def _write(self, source: str) -> None:
        if self._inside is not None:
            self._parts.append(source)
