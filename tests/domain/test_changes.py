"""When two values that a gate read are the same, and how what changed is shown."""

import pytest

from heartbeat.domain.changes import MAX_CHANGE, MAX_LINE, difference, json_lines, normalised


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a\r\nb\r", "a\nb"),
        ("a  \n\n\n\n\nb\n", "a\n\nb"),
        ("caf\u0065\u0301", "caf\u00e9"),
        ("\ufeffa\u200b\u202eb\U000e0041", "ab"),
        ("a\xa0b", "a b"),
        ("a\u2028b", "a\nb"),
        (json_lines({"b": 1, "a": [1, 2]}), json_lines({"a": [1, 2], "b": 1})),
    ],
)
def test_texts_that_read_the_same_are_the_same(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a b", "ab"), ("A", "a"), ("  a", "a"), ("a\u200db", "ab"), (json_lines([1, 2]), json_lines([2, 1]))],
)
def test_others_are_not(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


def test_json_that_is_nested_too_deeply_is_refused() -> None:
    value: list = []
    for _ in range(10_000):
        value = [value]
    with pytest.raises(ValueError, match="nested too deeply"):
        json_lines(value)


NUMBERS = [str(number) for number in range(50)]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("a", "a", ""),
        ("", "", ""),
        ("", "a\nb", "@@\n+a\n+b"),
        ("a", "", "@@\n-a"),
        ("a\nb\nc", "a\nB\nc", "@@\n a\n-b\n+B\n c"),
        ("a\na", "a\na\na", "@@\n a\n a\n+a"),
        ("a\na\na", "a\na", "@@\n a\n a\n-a"),
        (
            "\n".join(NUMBERS),
            "\n".join([*NUMBERS[:10], "x", *NUMBERS[11:40], *NUMBERS[41:]]),
            "@@\n 8\n 9\n-10\n+x\n 11\n 12\n@@\n 38\n 39\n-40\n 41\n 42",
        ),
        ("--- a\n+++ b", "--- a\n+++ c", "@@\n --- a\n-+++ b\n++++ c"),
    ],
)
def test_the_difference_shows_what_changed(before: str, after: str, change: str) -> None:
    assert difference(before, after) == change


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x" * 100_000, "y" * 100_000),
        ("\n".join(f"a{number}" for number in range(20_000)), "\n".join(f"b{number}" for number in range(20_000))),
        (
            "\n".join(str(number % 50) for number in range(4_000)),
            "\n".join(str(number % 49) for number in range(4_000)),
        ),
        ("", "(End of it.)\n" * 1_000),
    ],
    ids=["one line", "all other lines", "the same lines in another order", "an end that is none"],
)
def test_a_difference_has_its_limits_and_no_line_passes_for_another(before: str, after: str) -> None:
    change = difference(before, after)
    assert len(change) <= MAX_CHANGE + 100
    assert all(len(line) <= MAX_LINE + 2 and line.startswith(("+", "-", " ", "@@", "…")) for line in change.split("\n"))
    assert "…" in change
