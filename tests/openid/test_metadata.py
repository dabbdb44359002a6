"""Configurations of issuers: which can be used, and what is taken from them."""

from typing import Any

import pytest

from heartbeat.openid.metadata import WrongMetadata, read_metadata

ISSUER = "https://login.example.com"
PLAIN = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": "https://keys.example.com/jwks",
}


def test_what_an_issuer_does_not_say_is_as_the_standard_has_it() -> None:
    metadata = read_metadata(PLAIN, ISSUER)
    assert (metadata.algorithms, metadata.auth_method(has_secret=True)) == (("RS256",), "client_secret_basic")
    assert (metadata.userinfo_endpoint, metadata.end_session_endpoint, metadata.names_itself) == (None, None, False)


@pytest.mark.parametrize(
    ("offered", "has_secret", "method"),
    [
        (["client_secret_post"], True, "client_secret_post"),
        (["client_secret_post", "client_secret_basic"], True, "client_secret_basic"),
        (["private_key_jwt"], True, "client_secret_basic"),
        (["client_secret_basic"], False, "none"),
    ],
)
def test_we_say_who_we_are_as_the_issuer_wants_it(offered: list[str], has_secret: bool, method: str) -> None:
    document = PLAIN | {"token_endpoint_auth_methods_supported": offered}
    assert read_metadata(document, ISSUER).auth_method(has_secret) == method


@pytest.mark.parametrize(
    ("known", "prompt"),
    [
        (None, "select_account"),
        (["none", "login", "select_account"], "select_account"),
        (["none", "login", "consent"], "login"),
        (["none"], "login"),
    ],
)
def test_another_account_is_asked_for_as_the_issuer_knows_it(known: list[str] | None, prompt: str) -> None:
    document = PLAIN if known is None else PLAIN | {"prompt_values_supported": known}
    assert read_metadata(document, ISSUER).prompt_for_another() == prompt


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        PLAIN | {"issuer": f"{ISSUER}/"},
        PLAIN | {"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"},
        PLAIN | {"token_endpoint": None},
        PLAIN | {"token_endpoint": "http://login.example.com/token"},
        PLAIN | {"authorization_endpoint": "javascript:alert(1)"},
        PLAIN | {"jwks_uri": ["https://keys.example.com/jwks"]},
        PLAIN | {"end_session_endpoint": "http://login.example.com/out"},
    ],
    ids=str,
)
def test_a_configuration_that_is_wrong_is_refused(document: Any) -> None:
    with pytest.raises(WrongMetadata):
        read_metadata(document, ISSUER)
