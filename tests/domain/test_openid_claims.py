"""Who somebody is, from claims as issuers send them."""

import pytest

from heartbeat.domain.openid_claims import merged_claims, person_of
from heartbeat.domain.people import EMAIL

WHO = {"iss": "https://login.example.com", "sub": "7"}


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "Ada@Example.com", "email_verified": True}, "ada@example.com"),
        ({"email": "ada@example.com", "email_verified": "true"}, "ada@example.com"),
        ({"email": "ada@example.com", "xms_edov": "1"}, "ada@example.com"),
        ({"email": "ada@example.com", "email_verified": False}, None),
        ({"email": "ada@example.com", "email_verified": "false"}, None),
        ({"email": "ada@example.com"}, None),
        ({"email": "no address", "email_verified": True}, None),
        ({"email": ["ada@example.com"], "email_verified": True}, None),
        ({"email_verified": True}, None),
    ],
    ids=str,
)
def test_an_address_counts_when_the_issuer_has_verified_it(claims: dict, email: str | None) -> None:
    assert person_of(WHO | claims).email == email


def test_a_person_has_the_best_name_that_there_is() -> None:
    assert person_of(WHO | {"name": " Ada \n Lovelace", "nickname": "al"}).name == "Ada Lovelace"
    assert person_of(WHO | {"name": None, "preferred_username": "ada"}).name == "ada"
    assert person_of(WHO | {"name": "", "email": 7}).name == "7"
    assert person_of(WHO | {"sub": "  "}).name == "?"


def test_what_stands_for_an_address_is_none_and_nobody_elses() -> None:
    texts = [person_of(WHO | {"sub": sub}).key_text for sub in ("a@b.example", "A@b.example", "a")]
    assert len({text.lower() for text in texts}) == 3
    assert not any(EMAIL.fullmatch(text) for text in texts)


def test_whether_an_address_is_verified_goes_with_the_address() -> None:
    token = {**WHO, "email": "eve@example.com", "email_verified": False}
    assert merged_claims(token, {"sub": "7", "email": "ada@example.com", "email_verified": True}) == token
    unsaid = {**WHO, "email": "eve@example.com"}
    assert "email_verified" not in merged_claims(unsaid, {"email": "ada@example.com", "email_verified": True})
    assert merged_claims(unsaid, {"email": "eve@example.com", "email_verified": True})["email_verified"] is True
    assert merged_claims(WHO, {"email": "ada@example.com", "groups": ["a"]}) == {
        **WHO,
        "email": "ada@example.com",
        "groups": ["a"],
    }
