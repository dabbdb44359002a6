"""ID tokens of OpenID Connect, verified by Authlib and joserfc. Imported with the first sign-in, for it takes memory.

Own code is what both leave to their callers: which algorithms, which keys, and that the token is for us.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet
from joserfc.jws import JWSRegistry

# Signed with a private key. A shared secret (HS256) could be the public key of somebody who confuses the two.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
KEY_TYPES = ("RSA", "EC", "OKP")
CLOCK_SKEW_SECONDS = 60
# The standard's own limit (OpenID Connect Core 1.0, 2).
MAX_SUBJECT = 255


class WrongToken(Exception):
    """The token is not one that the issuer made for us and for this sign-in. `str()` says why, to the operator."""


class UnknownKey(WrongToken):
    """No key that we know made this signature; the issuer may have changed its keys."""


@dataclass(frozen=True)
class Expected:
    """What a token has to say: who made it, for whom, and in which sign-in. `algorithms` are those of the issuer."""

    issuer: str
    client_id: str
    nonce: str
    algorithms: Sequence[str] = ("RS256",)


def signing_keys(jwks: Mapping[str, Any]) -> KeySet:
    """Read the public keys that sign, and leave out all that are of other kinds or cannot be read."""
    published, keys = jwks.get("keys"), []
    for data in published if isinstance(published, list) else ():
        if not isinstance(data, dict) or data.get("kty") not in KEY_TYPES or data.get("use", "sig") != "sig":
            continue
        try:
            keys.append(JWKRegistry.import_key(data))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return KeySet(keys)


def verified_claims(
    id_token: str, access_token: str | None, keys: KeySet, expected: Expected, now: datetime
) -> dict[str, Any]:
    """Return the claims of a token after every check. Raises `UnknownKey` and `WrongToken`."""
    token = _decoded(id_token, keys, expected.algorithms)
    options = {
        "iss": {"essential": True, "value": expected.issuer},
        # Authlib checks the authorized party, and the audience only where it is told which.
        "aud": {"essential": True, "value": expected.client_id},
        "sub": {"essential": True},
    }
    params = {"nonce": expected.nonce, "client_id": expected.client_id, "access_token": access_token}
    claims = CodeIDToken(token.claims, token.header, options, params)
    try:
        claims.validate(now=int(now.timestamp()), leeway=CLOCK_SKEW_SECONDS)
    except (JoseError, ValueError, TypeError) as problem:
        raise WrongToken(str(problem)) from None
    if not is_subject(claims["sub"]):
        raise WrongToken("its subject is no text, or none that can be kept")
    return dict(claims)


def is_subject(value: Any) -> bool:
    """Whether this can be who somebody is at an issuer: a text that a database keeps, and that reads as what it is."""
    return isinstance(value, str) and 0 < len(value) <= MAX_SUBJECT and value.isprintable()


def _decoded(id_token: str, keys: KeySet, offered: Sequence[str]) -> jwt.Token:
    registry = JWSRegistry(algorithms=[name for name in ALGORITHMS if name in offered], strict_check_header=False)
    problem: Exception | None = None
    # A token need not name its key: then each is tried, where joserfc would take one by chance.
    for key in keys:
        try:
            return jwt.decode(id_token, KeySet([key]), registry=registry)
        except (JoseError, ValueError, TypeError) as failure:
            problem = failure
    raise UnknownKey(str(problem or "the issuer has published no key that signs")) from None
