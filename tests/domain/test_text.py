"""Text of others: what no database takes, and what is too long."""

import pytest

from heartbeat.domain.text import cut_bytes, spelled_turns, storable, storable_text


def test_what_is_too_long_is_cut_between_characters() -> None:
    assert cut_bytes("ääää", 8) == "ääää"
    assert cut_bytes("ääää", 7) == "äää\n… cut: 8 bytes, the first 7 shown"
    assert cut_bytes("x" * 2_000_000, 65_536).endswith("\n… cut: 2,000,000 bytes, the first 65,536 shown")


def test_what_no_database_keeps_is_replaced() -> None:
    assert storable_text("a\0b\ud800c") == cut_bytes("a\0b\ud800c", 100) == "a�b�c"
    assert storable({"a\0": ["\udfff", 1, None, {"b": "c"}]}) == {"a�": ["�", 1, None, {"b": "c"}]}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pay \u202e001\u202c", "pay [U+202E]001[U+202C]"),
        ("\u2066a\u2069", "[U+2066]a[U+2069]"),
        ("\u2068a\u2069 \u2069b\u2068", "\u2068a\u2069 [U+2069]b[U+2068]"),
        ("\u2068\u202ea\u2069", "[U+2068][U+202E]a[U+2069]"),
        ("שלום 3\u200f", "שלום 3\u200f"),
    ],
)
def test_what_turns_the_text_around_it_is_spelled_out(text: str, shown: str) -> None:
    assert spelled_turns(text) == shown
