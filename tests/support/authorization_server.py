"""An authorization server on loopback: Authlib's, over HTTP, with what goes wrong in real ones by switch.

In a test: `AuthorizationServer()`, a thread of its own; `ToolServer(authorization=server)` is an MCP server that lets
in whom it issued tokens to. A person opens `/authorize`, and presses a button there; `approve` does that for a test.
"""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.common.security import generate_token
from authlib.oauth2.rfc6749 import AuthorizationServer as Endpoints
from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload, JsonPayload, JsonRequest
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from mcp.server.auth.provider import AccessToken
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tests.support.authorization_grants import (
    PERSON,
    Register,
    RegisteredClient,
    Rotation,
    grant_types,
    registration,
)
from tests.support.thread_server import ThreadServer

# Authlib refuses plain HTTP, on loopback too.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
SCOPES = ["notes:read", "notes:write"]
CONSENT = """<!doctype html><html lang="en"><title>Sign in</title><link rel="icon" href="data:,">
<h1>Let {client} in?</h1><p>It asks for {scope}.</p>
<form method="post"><button name="answer" value="allow">Allow</button>
<button name="answer" value="deny">Deny</button></form></html>"""


@dataclass
class Fault:
    """What the token endpoint answers instead of what it should. `does_its_work`: it has done it all the same."""

    status: int = 503
    body: str = "Service Unavailable"
    does_its_work: bool = False


def refusal(error: str) -> Fault:
    """An error in the words of RFC 6749, 5.2, such as `invalid_grant` or `invalid_client`."""
    body = json.dumps({"error": error, "error_description": "No."})
    return Fault(401 if error == "invalid_client" else 400, body)


BROKEN_JSON = Fault(200, '{"access_token": "half of an ans')


class AuthorizationServer(ThreadServer):
    """`url` is the issuer. `token_requests` are the forms that its token endpoint got, in their order.

    Switches: `fault`; `before_answering`, called by each token request once its tokens are issued (a slow one waits in
    it); `registers`, whether clients may register themselves; `documents`, the metadata documents of clients by their
    address; `names_itself`, whether it sends `iss` (RFC 9207); `turns_away`, whether it lets nobody in. `turned_away`
    counts the requests with a token that it did not let in. `register.now` is its clock.
    """

    def __init__(self, *, expires_in: int = 3600, rotation: Rotation = "strict", port: int = 0) -> None:
        self.register = Register(expires_in, rotation)
        self.token_requests: list[dict[str, str]] = []
        self.fault: Fault | None = None
        self.before_answering: Callable[[], object] | None = None
        self.registers = self.names_itself = True
        self.turns_away, self.turned_away = False, 0
        self.documents: dict[str, dict[str, Any]] = {}
        self._endpoints = _Endpoints(self)
        super().__init__(port)

    def times(self, grant_type: str) -> int:
        """How often the token endpoint was asked for such a grant."""
        return sum(form.get("grant_type") == grant_type for form in self.token_requests)

    def approve(self, authorize_url: str, answer: str = "allow") -> str:
        """Press the button of the page at `authorize_url`; returns the address that the browser is sent to."""
        response = httpx.post(authorize_url, data={"answer": answer})
        assert response.status_code == 302, response.text
        return response.headers["location"]

    def add_client(self, client_id: str, client_secret: str, **metadata: Any) -> None:
        """Register a client by hand."""
        self.register.clients[client_id] = RegisteredClient(client_id, client_secret, metadata)

    def refuse_access_tokens(self) -> None:
        """Let nobody in with an access token issued so far; refresh tokens stay."""
        self.register.refused_access_tokens.update(token.access_token for token in self.register.tokens)

    def end_grants(self) -> None:
        """Take back all that was granted, as a person does in their settings."""
        self.register.ended.update(token.family for token in self.register.tokens)

    async def verify_token(self, token: str) -> AccessToken | None:
        """Whom the resource server lets in: the SDK's `TokenVerifier`."""
        issued = None if self.turns_away else self.register.valid_access(token)
        if issued is None:
            self.turned_away += 1
            return None
        return AccessToken(
            token=token, client_id=issued.client_id, scopes=issued.scope.split(), resource=issued.resource
        )

    def metadata(self) -> dict[str, Any]:
        """RFC 8414."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            **({"registration_endpoint": f"{self.url}/register"} if self.registers else {}),
            "scopes_supported": SCOPES,
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": self.names_itself,
            "client_id_metadata_document_supported": bool(self.documents),
        }

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/oauth-authorization-server", self._metadata),
                Route("/authorize", self._authorize, methods=["GET", "POST"]),
                Route("/token", self._token, methods=["POST"]),
                Route("/register", self._register, methods=["POST"]),
            ]
        )

    async def _metadata(self, request: Request) -> Response:
        return JSONResponse(self.metadata())

    async def _authorize(self, request: Request) -> Response:
        oauth_request = _oauth_request(request, dict(request.query_params))
        if request.method == "GET":
            grant = self._endpoints.get_authorization_grant(oauth_request)
            grant.validate_consent_request()
            client = oauth_request.client.metadata.get("client_name", oauth_request.client.client_id)
            return HTMLResponse(CONSENT.format(client=client, scope=oauth_request.scope or "nothing"))
        person = PERSON if (await request.form()).get("answer") == "allow" else None
        grant = self._endpoints.get_authorization_grant(oauth_request)
        response = self._endpoints.create_authorization_response(oauth_request, person, grant)
        if self.names_itself and "location" in response.headers:
            location = response.headers["location"]
            mark = "&" if urlsplit(location).query else "?"
            response.headers["location"] = str(httpx.URL(f"{location}{mark}").copy_add_param("iss", self.url))
        return response

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.token_requests.append(form)
        fault = self.fault
        if fault is None or fault.does_its_work:
            response = self._endpoints.create_token_response(_oauth_request(request, form))
        if self.before_answering is not None:
            await asyncio.to_thread(self.before_answering)
        return response if fault is None else Response(fault.body, fault.status, media_type="application/json")

    async def _register(self, request: Request) -> Response:
        json_request = JsonRequest(request.method, str(request.url), request.headers)
        json_request.payload = _Json(await request.json())
        return self._endpoints.create_endpoint_response("client_registration", json_request)


class _Json(JsonPayload):
    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    @property
    def data(self) -> dict[str, Any]:
        return self._data


class _Request(OAuth2Request):
    """Authlib's view of a request whose fields have been read."""

    @property
    def args(self) -> dict[str, str]:
        return self.payload.data

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data


def _oauth_request(request: Request, fields: dict[str, str]) -> OAuth2Request:
    oauth_request = _Request(request.method, str(request.url), headers=request.headers)
    oauth_request.payload = BasicOAuth2Payload(fields)
    return oauth_request


class _Endpoints(Endpoints):
    def __init__(self, server: AuthorizationServer) -> None:
        super().__init__(SCOPES)
        self._server = server
        for grant, extensions in grant_types(server.register):
            self.register_grant(grant, extensions)
        self.register_endpoint(registration(server.register))

        def random_token(**_: Any) -> str:
            return generate_token(48)

        def expires_in(client: Any, grant_type: str) -> int:
            return server.register.expires_in

        self.register_token_generator("default", BearerTokenGenerator(random_token, random_token, expires_in))

    def query_client(self, client_id: str) -> RegisteredClient | None:
        if client_id in self._server.documents:
            return RegisteredClient(client_id, "", self._server.documents[client_id])
        return self._server.register.clients.get(client_id)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        self._server.register.save_token(token, request)

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def create_json_request(self, request: JsonRequest) -> JsonRequest:
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Response:
        content = json.dumps(body) if isinstance(body, dict) else body
        return Response(content, status, dict(headers))

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        pass
