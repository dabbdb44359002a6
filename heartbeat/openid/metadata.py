"""What an issuer publishes of itself (OpenID Connect Discovery 1.0), as far as signing in needs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heartbeat.domain.setting_values import require_secure

WELL_KNOWN = "/.well-known/openid-configuration"
# What an issuer shows to somebody who is signed in there: accounts to choose from, or its form.
SELECT_ACCOUNT, LOGIN = "select_account", "login"
BASIC, POST, PUBLIC = "client_secret_basic", "client_secret_post", "none"


class WrongMetadata(Exception):
    """The document is none that people can be signed in by. `str()` says why, to the operator."""


@dataclass(frozen=True)
class IssuerMetadata:
    """The endpoints of an issuer, and what it can do. `names_itself`: its answers carry `iss` (RFC 9207).

    `prompts` are empty where it does not say which it knows.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    algorithms: tuple[str, ...]
    auth_methods: tuple[str, ...]
    names_itself: bool
    prompts: tuple[str, ...]

    def auth_method(self, has_secret: bool) -> str:
        """How we say who we are at the token endpoint; what an issuer does not say is as the standard has it."""
        if not has_secret:
            return PUBLIC
        return POST if POST in self.auth_methods and BASIC not in self.auth_methods else BASIC

    def prompt_for_another(self) -> str:
        """How an issuer is asked for another account than the one that somebody is signed in with there."""
        return SELECT_ACCOUNT if SELECT_ACCOUNT in (self.prompts or (SELECT_ACCOUNT,)) else LOGIN


def read_metadata(document: Any, issuer: str) -> IssuerMetadata:
    """Read the document of an issuer. Raises `WrongMetadata`, also where it is another issuer's."""
    if not isinstance(document, dict):
        raise WrongMetadata("its configuration is no JSON object")
    if document.get("issuer") != issuer:
        raise WrongMetadata(f"it calls itself {document.get('issuer')!r}: set HEARTBEAT_OIDC_ISSUER to exactly that")
    return IssuerMetadata(
        issuer,
        _address(document, "authorization_endpoint"),
        _address(document, "token_endpoint"),
        _address(document, "jwks_uri"),
        _address(document, "userinfo_endpoint") if document.get("userinfo_endpoint") else None,
        _address(document, "end_session_endpoint") if document.get("end_session_endpoint") else None,
        _texts(document, "id_token_signing_alg_values_supported") or ("RS256",),
        _texts(document, "token_endpoint_auth_methods_supported") or (BASIC,),
        document.get("authorization_response_iss_parameter_supported") is True,
        _texts(document, "prompt_values_supported"),
    )


def _address(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    try:
        require_secure(value if isinstance(value, str) else "")
    except ValueError as problem:
        raise WrongMetadata(f"its {name} {problem}") from None
    return str(value)


def _texts(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = document.get(name)
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()
