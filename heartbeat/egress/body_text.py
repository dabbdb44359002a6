"""The body of an HTTP answer as text: its content type and its character set, as the answer or the page names them."""

import codecs
import re

HTML = ("text/html", "application/xhtml+xml")
READABLE = re.compile(r"text/.+|application/(.+\+)?(json|xml)")
# No others: some of Python's codecs unpack what is packed, and some take time by the square of the text.
CHARSETS = re.compile(r"(utf-(8|16|32)|ascii|iso8859|iso2022|cp|mac|koi8|big5|gb|euc_|shift_jis|tis).*")
CHARSET_IN_HTML = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)


def kind_of(content_type: str) -> str:
    """Return the media type that a content type names."""
    return content_type.partition(";")[0].strip().lower()


def body_text(body: bytes, kind: str, charset: str | None) -> str:
    """Decode a body of a media type; what is no text in its character set is replaced."""
    if charset is None and kind in HTML and (named := CHARSET_IN_HTML.search(body[:1024])):
        charset = named[1].decode("ascii")
    return body.decode(_codec(charset), errors="replace").removeprefix("\ufeff")


def _codec(charset: str | None) -> str:
    try:
        codec = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError):
        return "utf-8"
    return codec if CHARSETS.fullmatch(codec) else "utf-8"
