"""The body of an answer as text, whatever character set it names or does not."""

import pytest

from heartbeat.egress.body_text import body_text, kind_of

NAMED = b'<html><head><meta charset="iso-8859-1"></head>'
META = b'<META http-equiv="Content-Type" content="text/html; Charset = windows-1252">'


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [("text/html; charset=utf-8", "text/html"), (" Text/HTML ", "text/html"), ("", ""), ("a;b;c", "a")],
)
def test_a_content_type_names_a_kind(content_type: str, kind: str) -> None:
    assert kind_of(content_type) == kind


@pytest.mark.parametrize(
    ("body", "kind", "charset", "text"),
    [
        ("größe".encode(), "text/plain", None, "größe"),
        ("größe".encode("latin-1"), "text/plain", "ISO-8859-1", "größe"),
        (b"\xef\xbb\xbfa", "text/plain", None, "a"),
        (b"a\xffb", "text/plain", None, "a\ufffdb"),
        # An unknown name, one that is none, and one that unpacks what is packed.
        ("ö".encode(), "text/plain", "klingon", "ö"),
        ("ö".encode(), "text/plain", "a\0b", "ö"),
        ("ö".encode(), "text/plain", "bz2", "ö"),
        ("ö".encode(), "text/plain", "unicode_escape", "ö"),
        ("日本".encode("shift_jis"), "text/plain", "Shift_JIS", "日本"),
        ("ö".encode("utf-16"), "text/plain", "utf-16", "ö"),
    ],
)
def test_a_body_is_decoded_as_it_says(body: bytes, kind: str, charset: str | None, text: str) -> None:
    assert body_text(body, kind, charset) == text


@pytest.mark.parametrize("kind", ["text/html", "application/xhtml+xml"])
@pytest.mark.parametrize("page", [NAMED, META])
def test_a_page_may_name_its_own(page: bytes, kind: str) -> None:
    head, named = page.decode("ascii"), "größe".encode("latin-1")
    assert body_text(page + named, kind, None) == f"{head}größe"
    # What the answer names counts, and of other kinds and far below nothing is looked for.
    assert body_text(page + named, kind, "utf-8") == f"{head}gr\ufffd\ufffde"
    assert body_text(page + "ö".encode(), "text/plain", None) == f"{head}ö"
    assert body_text(b" " * 1024 + page + "ö".encode(), kind, None).endswith("ö")
    assert body_text(b" " * (1024 - len(page)) + page + named, kind, None).endswith("größe")
