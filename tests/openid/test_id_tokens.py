"""Which ID tokens count: made by the issuer's key, for us, in this sign-in, and now."""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from heartbeat.openid.id_tokens import Expected, UnknownKey, WrongToken, signing_keys, verified_claims

NOW = datetime(2026, 11, 29, tzinfo=UTC)
ISSUER = "https://login.example.com"
KEY = RSAKey.generate_key(2048, {"use": "sig", "kid": "one"})
EXPECTED = Expected(ISSUER, "heartbeat", "n-1")
KEYS = signing_keys({"keys": [KEY.as_dict(private=False)]})


def token(key: Any = KEY, header: dict[str, Any] | None = None, **claims: Any) -> str:
    at = int(NOW.timestamp())
    usual = {"iss": ISSUER, "sub": "ada", "aud": "heartbeat", "nonce": "n-1", "iat": at, "exp": at + 300}
    body = {name: value for name, value in (usual | claims).items() if value is not None}
    header = header or {"alg": "RS256", "kid": "one"}
    return jwt.encode(header, body, key, algorithms=[header["alg"]])


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def read(text: str, expected: Expected = EXPECTED, now: datetime = NOW, keys: KeySet = KEYS) -> dict[str, Any]:
    return verified_claims(text, None, keys, expected, now)


def test_a_token_of_the_issuer_is_read() -> None:
    assert read(token())["sub"] == "ada"
    assert read(token(aud=["heartbeat", "other"], azp="heartbeat"))["sub"] == "ada"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example.com"},
        {"aud": "other"},
        {"aud": ["other"], "azp": "heartbeat"},
        {"aud": ["heartbeat", "other"], "azp": "other"},
        {"aud": ["heartbeat", "other"]},
        {"nonce": "n-2"},
        *({name: None} for name in ("iss", "sub", "aud", "nonce", "iat", "exp")),
        {"sub": ""},
        {"sub": 7},
        *({"sub": f"a{odd}b"} for odd in "\0\n\u202e"),
        {"sub": "x" * 256},
        {"exp": "soon"},
    ],
    ids=str,
)
def test_a_token_for_anybody_or_anything_else_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(WrongToken):
        read(token(**claims))


def test_clocks_may_differ_by_a_minute() -> None:
    assert read(token(), now=NOW + timedelta(seconds=355))
    assert read(token(), now=NOW - timedelta(seconds=55))
    for away in (timedelta(seconds=365), timedelta(seconds=-65)):
        with pytest.raises(WrongToken):
            read(token(), now=NOW + away)


def test_a_public_key_is_no_shared_secret() -> None:
    """Also where the issuer offers HS256, as some do for clients of the same secret."""
    offering = Expected(ISSUER, "heartbeat", "n-1", ("none", "HS256", "RS256"))
    secret, body = KEY.as_pem(private=False), token().split(".")[1]
    for header in (b'{"alg":"HS256"}', b'{"alg":"HS256","kid":"one"}'):
        signed = f"{base64url(header)}.{body}"
        with pytest.raises(WrongToken):
            read(f"{signed}.{base64url(hmac.digest(secret, signed.encode(), 'sha256'))}", offering)


def test_a_token_without_a_signature_is_refused() -> None:
    header, body, _ = token().split(".")
    none = "eyJhbGciOiJub25lIn0"
    for text in (f"{none}.{body}.", f"{header}.{body}.", f"{header}.{body}", "", "a.b.c", "é"):
        with pytest.raises(WrongToken):
            read(text, Expected(ISSUER, "heartbeat", "n-1", ("none", "RS256")))


def test_an_algorithm_that_the_issuer_does_not_offer_is_refused() -> None:
    with pytest.raises(WrongToken):
        read(token(header={"alg": "PS256", "kid": "one"}))


def test_a_new_key_is_told_apart_from_a_wrong_token() -> None:
    new = RSAKey.generate_key(2048, {"kid": "two"})
    with pytest.raises(UnknownKey):
        read(token(new, {"alg": "RS256", "kid": "two"}))
    # The same name for another key: seen at issuers that name them "1".
    with pytest.raises(UnknownKey):
        read(token(new, {"alg": "RS256", "kid": "one"}))


def test_a_token_that_names_no_key_is_tried_with_each() -> None:
    others = [RSAKey.generate_key(2048).as_dict(private=False), ECKey.generate_key("P-256").as_dict(private=False)]
    keys = signing_keys({"keys": [*others, KEY.as_dict(private=False)]})
    assert read(token(header={"alg": "RS256"}), keys=keys)["sub"] == "ada"


def test_keys_of_other_kinds_are_left_out() -> None:
    public = KEY.as_dict(private=False)
    odd = [{"kty": "AKP"}, {"kty": "oct", "k": "c2VjcmV0"}, {"kty": "RSA"}, 7, {**public, "use": "enc"}]
    assert list(signing_keys({"keys": odd})) == []
    assert len(list(signing_keys({"keys": [*odd, public]}))) == 1
    for none in ({}, {"keys": 7}, {"keys": {"kty": "RSA"}}):
        with pytest.raises(UnknownKey):
            read(token(), keys=signing_keys(none))
