"""A page of HTML as text a model can read: its title, its words, its links as `[words](address)`."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

UNSEEN = {"script", "style", "template", "svg", "iframe", "object", "noembed", "noframes"}
BLOCKS = {"address", "article", "aside", "blockquote", "body", "dd", "details", "div", "dl", "dt", "fieldset"}
BLOCKS |= {"figcaption", "figure", "footer", "form", "header", "hr", "main", "nav", "ol", "option", "section"}
BLOCKS |= {"summary", "table", "ul"}
PARAGRAPHS = {"p", "pre", "h1", "h2", "h3", "h4", "h5", "h6"}
AFTER = dict.fromkeys(BLOCKS, "\n") | dict.fromkeys(PARAGRAPHS, "\n\n")
BEFORE = {**AFTER, "br": "\n", "tr": "\n", "li": "\n- ", "td": " | ", "th": " | "}
BEFORE |= {f"h{depth}": "\n\n" + "#" * depth + " " for depth in range(1, 7)}

# Stands for a space that is to stay, until the others are set right.
KEPT = "\xa0"


def html_to_text(html: str, address: str) -> str:
    """The readable text of `html`, found at `address`. Any text is taken: what is no markup is words."""
    page = _Page(address)
    # Not closed: on tags left open at the end `close()` takes time by the square of their number. The tag brings out
    # the words before it.
    page.feed(f"{html}<p>")
    lines = [re.sub(" +", " ", line).strip(" ") for line in "".join(page.parts).split("\n")]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip().replace(KEPT, " ")
    title = " ".join("".join(page.title).split())
    return f"{title}\n\n{text}" if title else text


class LenientParser(HTMLParser):
    """Takes a declaration that it does not know for a comment, as a browser does, where `HTMLParser` raises."""

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        return self.parse_bogus_comment(i)


class _Page(LenientParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.title: list[str] = []
        self._address = address
        self._within: list[str] = []
        self._preformatted = False
        self._link: tuple[int, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # Of what is not shown only its own kind counts, so that a tag nobody closed in there hides no more.
        if self._within:
            if tag == self._within[0]:
                self._within.append(tag)
        elif tag in UNSEEN or tag == "title":
            self._within = [tag]
        elif tag in ("a", "base"):
            self._point(tag, dict(attrs).get("href") or "")
        else:
            self._preformatted = self._preformatted or tag == "pre"
            self.parts.append(BEFORE.get(tag, ""))

    def handle_endtag(self, tag: str) -> None:
        if self._within:
            if tag == self._within[0]:
                self._within.pop()
        elif tag == "a":
            self._end_link()
        else:
            self._preformatted = self._preformatted and tag != "pre"
            self.parts.append(AFTER.get(tag, ""))

    def handle_data(self, data: str) -> None:
        if self._within:
            if self._within[0] == "title":
                self.title.append(data)
        elif self._preformatted:
            self.parts.append(data.replace(" ", KEPT).replace("\t", KEPT * 4))
        else:
            self.parts.append(re.sub(r"\s+", " ", data))

    def _point(self, tag: str, href: str) -> None:
        try:
            address = urljoin(self._address, href.strip())
        except ValueError:
            address = ""
        if tag == "base":
            self._address = address or self._address
        else:
            self._end_link()
            leads_away = href.strip() and not href.strip().startswith("#")
            self._link = (len(self.parts), address if leads_away else "")

    def _end_link(self) -> None:
        if self._link is None:
            return
        start, address = self._link
        self._link = None
        inside = "".join(self.parts[start:])
        words = " ".join(inside.split())
        if words and address.startswith(("http://", "https://")):
            # A link around a whole block stays on a line of its own.
            edge = "\n" if "\n" in inside else ""
            self.parts[start:] = [f"{edge}[{words}]({address}){edge}"]
