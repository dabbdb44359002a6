"""Codes of an authenticator, beside those of RFC 6238's appendix B, and recovery codes."""

from base64 import b32encode
from datetime import UTC, datetime, timedelta

import pytest

from heartbeat.secrets.second_factor import (
    RECOVERY_CODES,
    fold_code,
    new_recovery_codes,
    new_secret,
    setup_address,
    setup_picture,
    step_of,
)

SECRET = b32encode(b"12345678901234567890").decode()
# Seconds since 1970, and the last six digits of what the RFC says.
VECTORS = [(1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_codes_are_those_of_the_rfc_and_last_half_a_minute_more(seconds: int, code: str) -> None:
    at, step = datetime.fromtimestamp(seconds, UTC), seconds // 30
    for off in (-29, 0, 29):
        assert step_of(SECRET, f" {code[:3]} {code[3:]}", at + timedelta(seconds=off)) == step
    for off in (-90, 90):
        assert step_of(SECRET, code, at + timedelta(seconds=off)) is None
    for wrong in ("", code[:5], code + "0", "é" * 6, "٠٨١٨٠٤"):
        assert step_of(SECRET, wrong, at) is None


def test_recovery_codes_are_many_apart_and_read_however_they_are_written() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == RECOVERY_CODES
    assert {len(fold_code(code)) for code in codes} == {16}
    assert fold_code(codes[0].lower().replace("-", " ")) == fold_code(codes[0])


def test_an_authenticator_takes_the_secret_from_a_picture() -> None:
    secret = new_secret()
    address = setup_address(secret, "ada@example.com")
    assert address.startswith("otpauth://totp/Heartbeat:ada%40example.com?")
    assert f"secret={secret}" in address
    assert setup_picture(address).startswith("data:image/svg+xml")
    assert new_secret() != secret
