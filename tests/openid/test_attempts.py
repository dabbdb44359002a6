"""A sign-in comes back to the browser that began it, once it is asked for by its state, and soon."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from heartbeat.domain.secret_keys import new_key, read_keys
from heartbeat.openid.attempts import LASTS, SEALED_AS, new_attempt, open_attempt
from heartbeat.secrets.keyring import Keyring

NOW = datetime(2026, 11, 29, tzinfo=UTC)
ISSUER = "https://login.example.com"


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(read_keys(new_key()))


def test_only_the_attempt_that_was_begun_comes_back(keyring: Keyring) -> None:
    attempt = new_attempt(ISSUER, "/runs", NOW)
    sealed = attempt.seal(keyring)
    assert attempt.verifier not in sealed
    assert open_attempt(keyring, sealed, attempt.state, ISSUER, NOW) == attempt
    assert open_attempt(keyring, sealed, "é", ISSUER, NOW) is None
    assert open_attempt(keyring, sealed, "", ISSUER, NOW) is None
    assert open_attempt(keyring, sealed, attempt.state, "https://other.example.com", NOW) is None
    assert open_attempt(keyring, sealed, attempt.state, ISSUER, NOW + LASTS) is None
    assert open_attempt(keyring, sealed, attempt.state, ISSUER, NOW + LASTS - timedelta(seconds=1)) == attempt


def test_what_a_process_of_another_version_began_is_begun_anew(keyring: Keyring) -> None:
    attempt = new_attempt(ISSUER, "/", NOW)
    for fields in (asdict(attempt) | {"later": "x"}, {"state": attempt.state}):
        sealed = keyring.seal(json.dumps(fields), SEALED_AS)
        assert open_attempt(keyring, sealed, attempt.state, ISSUER, NOW) is None


def test_nobody_else_makes_one(keyring: Keyring) -> None:
    attempt = replace(new_attempt(ISSUER, "/", NOW), state="mine")
    foreign = keyring.seal("{}", "target:t:config")
    for sealed in ("", "v1.a.b", foreign, attempt.seal(keyring)[:-4] + "AAAA"):
        assert open_attempt(keyring, sealed, "mine", ISSUER, NOW) is None
