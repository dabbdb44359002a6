"""What agents write as HTML. Text, structure and links are left of their Markdown: nobody vouches for their words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from html import escape
from typing import TYPE_CHECKING

from markupsafe import Markup

from heartbeat.domain.text import spelled_turns

# Loaded with the first answer that is shown: an API without a dashboard needs none of it.
if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererProtocol
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict

# A longer text is shown as it was written: to parse it would hold up everybody else.
MAX_LENGTH = 20_000
TAGS = {
    *("p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "a", "ul", "ol", "li"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
LINKS = ("http://", "https://", "mailto:")
# The page has headings of its own.
HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6", "h6": "h6"}


@lru_cache(maxsize=64)
def markdown(text: str) -> Markup | None:
    """Render a text; `None` for one that is too long to be."""
    if len(text) > MAX_LENGTH:
        return None
    import nh3

    html = nh3.clean(
        _parser().render(spelled_turns(text)),
        tags=TAGS,
        attributes={"*": set(), "a": {"href"}, "ol": {"start"}},
        attribute_filter=_allowed,
        link_rel="nofollow noopener noreferrer",
        url_schemes={"http", "https", "mailto"},
    )
    return Markup(html)  # noqa: S704 - it was cleaned


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    parser.add_render_rule("image", _as_link)
    parser.add_render_rule("heading_open", _moved_down)
    parser.add_render_rule("heading_close", _moved_down)
    return parser


def _as_link(
    renderer: RendererProtocol, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """Link to an image instead of loading it: whoever put it there would learn who reads this, and when."""
    source = str(tokens[index].attrGet("src") or "")
    return f'<a href="{escape(source)}">{escape(tokens[index].content or source)}</a>'


def _moved_down(
    renderer: RendererProtocol, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    token = tokens[index]
    return f"<{'/' if token.nesting < 0 else ''}{HEADINGS[token.tag]}>"


def _allowed(tag: str, attribute: str, value: str) -> str | None:
    """Take a link away that leads anywhere but to another site; one without a scheme is a page of this one."""
    if attribute == "href" and not value.lower().startswith(LINKS):
        return None
    return value
