"""Which e-mail addresses are the same, and that none passes for another."""

import pytest

from heartbeat.domain.errors import Invalid
from heartbeat.domain.failure_sources import of_name
from heartbeat.domain.openid_claims import person_of
from heartbeat.domain.people import check_email, fold_email

KELVIN, WIDE, COMPOSED, DECOMPOSED = "\u212aate@example.com", "\uff4bate@example.com", "\xe9@e.com", "e\u0301@e.com"


def test_an_address_is_the_same_however_it_is_written() -> None:
    assert {check_email(text) for text in ("ada@example.com", " ADA@Example.com\n", "Ada@EXAMPLE.COM\xa0")} == {
        "ada@example.com"
    }
    assert check_email(COMPOSED.upper()) == COMPOSED


@pytest.mark.parametrize(
    "text",
    [
        *("", "ada", "@", "a@b@c", "a b@c.com", "Ada <ada@example.com>", "a@b.com,c@d.com", f"{'a' * 250}@b.com"),
        # What one does not see, or takes for something else.
        *("a\u202eb@c.com", "a\u200bb@c.com", "a\xadb@c.com", "a\x00b@c.com", "a\x1b[m@c.com", "a\ud800@c.com"),
        *(KELVIN, WIDE, DECOMPOSED, "a@\u2100.com"),
    ],
    ids=ascii,
)
def test_what_is_no_plain_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        check_email(text)
    assert of_name(text) == []


@pytest.mark.parametrize("text", [KELVIN, WIDE, KELVIN.upper()], ids=ascii)
def test_an_address_that_looks_like_another_is_not_that_one(text: str) -> None:
    """Also not for an issuer that has verified it: Python makes a "k" of the Kelvin sign."""
    assert fold_email(text) != "kate@example.com"
    claims = {"iss": "https://login.example.com", "sub": "7", "email": text, "email_verified": True}
    assert person_of(claims).email is None
