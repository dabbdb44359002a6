"""An issuer on loopback that answers with recorded configurations and claims (tests/corpus/issuers), and can go wrong.

Its keys are its own: what an issuer of the corpus signs with is known to nobody.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from authlib.oidc.core.util import create_half_hash
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from heartbeat.settings import Settings
from tests.support.serving import serving

CORPUS = Path(__file__).parents[1] / "corpus" / "issuers"
CLIENT, ACCESS_TOKEN = "heartbeat", "opaque-access-token"
FIRST_KEY, SECOND_KEY = (RSAKey.generate_key(2048, {"kid": kid}) for kid in ("one", "two"))


def recorded(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((CORPUS / f"{name}.json").read_text())
    return record


@dataclass
class RecordedIssuer:
    """What it says is `record`, moved to its own address; what it was asked is counted by the name of the endpoint."""

    record: dict[str, Any]
    home: str
    now: datetime
    nonce: str = ""
    keys: list[RSAKey] = field(default_factory=lambda: [FIRST_KEY])
    signs_with: RSAKey = field(default_factory=lambda: FIRST_KEY)
    asked: Counter[str] = field(default_factory=Counter)
    token_requests: list[Request] = field(default_factory=list)
    # By the name of the endpoint, what it answers instead.
    instead: dict[str, Response] = field(default_factory=dict)

    def settings(self, **more: Any) -> Settings:
        """The settings of an operator who has registered Heartbeat here."""
        own = self._moved({"oidc_issuer": self.record["metadata"]["issuer"], **self.record["settings"]})
        secret = SecretStr("a secret of: 100%+")
        return Settings(_env_file=None, oidc_client_id=CLIENT, oidc_client_secret=secret, **{**own, **more})

    def id_token(self, **changes: Any) -> str:
        at = int(self.now.timestamp())
        known = {"CLIENT": CLIENT, "NOW": at, "AT_HASH": create_half_hash(ACCESS_TOKEN, "RS256").decode()}
        claims = {name: known.get(value, value) if isinstance(value, str) else value for name, value in self._claims()}
        claims |= {"iat": at, "exp": at + 300, "nonce": self.nonce, **changes}
        return jwt.encode({"alg": "RS256", "kid": self.signs_with.kid}, claims, self.signs_with)

    def _claims(self) -> list[tuple[str, Any]]:
        return list(self._moved(self.record["id_token"]).items())

    def _moved(self, data: Any) -> Any:
        return json.loads(json.dumps(data).replace("https://", f"{self.home}/"))

    async def answer(self, request: Request) -> Response:
        metadata = self._moved(self.record["metadata"])
        url = str(request.url.replace(query=""))
        known = {address: name for name, address in metadata.items() if name.endswith(("_endpoint", "jwks_uri"))}
        name = known.get(url, "metadata" if url.endswith("/.well-known/openid-configuration") else "nothing")
        self.asked[name] += 1
        if name in self.instead:
            return self.instead[name]
        if name == "token_endpoint":
            await request.form()
            self.token_requests.append(request)
        return JSONResponse(self._document(name, metadata))

    def _document(self, name: str, metadata: dict[str, Any]) -> Any:
        public = [key.as_dict(private=False) | self.record["key"] for key in self.keys]
        other = SECOND_KEY.as_dict(private=False) | {"kid": "other"}
        others = [other | key for key in self.record.get("other_keys", [])]
        documents = {
            "metadata": metadata,
            "jwks_uri": {"keys": others + public},
            "userinfo_endpoint": self.record.get("userinfo"),
        }
        token = {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 3600}
        return {**token, "id_token": self.id_token()} if name == "token_endpoint" else documents[name]


@asynccontextmanager
async def recorded_issuer(record: dict[str, Any], now: datetime) -> AsyncIterator[RecordedIssuer]:
    issuer = RecordedIssuer(record, "", now)
    app = Starlette(routes=[Route("/{path:path}", issuer.answer, methods=["GET", "POST"])])
    async with serving(app) as address:
        issuer.home = address
        yield issuer


def redirect_to(url: str) -> Response:
    return RedirectResponse(url, 302)
