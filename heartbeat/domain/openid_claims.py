"""What an issuer of OpenID Connect says of a person: pure, from claims as real issuers send them."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from heartbeat.domain.errors import Invalid
from heartbeat.domain.people import check_email, check_name

# Of Entra ID, which has no `email_verified`: the owner of the address's domain has been verified.
VERIFIED = ("email_verified", "xms_edov")
TRUE = (True, 1, "true", "True", "1")


@dataclass(frozen=True)
class OpenIdPerson:
    """Somebody as an issuer knows them; that pair alone says who it is.

    `email` is an address that the issuer has verified; any other is nobody's.
    """

    issuer: str
    subject: str
    email: str | None
    name: str

    @property
    def key_text(self) -> str:
        """What is kept where others have their address, as long as this one has none: no address, and nobody else's."""
        text = f"{self.subject} at {self.issuer}"
        # Addresses are kept in lower case, and subjects may differ by case alone.
        return text if text == text.lower() else f"{text} ({sha256(text.encode()).hexdigest()[:8]})"


def merged_claims(of_token: Mapping[str, Any], of_userinfo: Mapping[str, Any]) -> dict[str, Any]:
    """Add to the claims of an ID token what it leaves out. Whether an address is verified goes with the address."""
    more = dict(of_userinfo)
    if "email" in of_token and of_token["email"] != more.get("email"):
        more = {name: value for name, value in more.items() if name not in ("email", *VERIFIED)}
    return {**more, **of_token}


def person_of(claims: Mapping[str, Any]) -> OpenIdPerson:
    """Read who somebody is."""
    return OpenIdPerson(claims["iss"], claims["sub"], _verified_email(claims), _name(claims))


def _verified_email(claims: Mapping[str, Any]) -> str | None:
    if not any(claims.get(name) in TRUE for name in VERIFIED):
        return None
    try:
        return check_email(str(claims.get("email")))
    except Invalid:
        return None


def _name(claims: Mapping[str, Any]) -> str:
    for name in ("name", "preferred_username", "nickname", "email", "sub"):
        value = claims.get(name)
        if isinstance(value, str):
            with suppress(Invalid):
                return check_name(value)
    return "?"
