"""The SDK's OAuth client, stopped where a person is needed, and kept to the hosts that were shown to one.

The SDK waits inside one request until the person is back. Here that takes two requests, which may reach two processes,
and what is between them is the caller's to keep.
"""

import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2
from mcp.client.auth.exceptions import OAuthFlowError
from mcp.client.auth.oauth2 import OAuthClientProvider
from mcp.client.auth.utils import (
    create_client_registration_request,
    extract_scope_from_www_auth,
    get_client_metadata_scopes,
    issuers_match,
)
from mcp.shared.auth import (
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    TokenEndpointAuthMethod,
)
from mcp_types.version import LATEST_PROTOCOL_VERSION
from pydantic import AnyUrl

from heartbeat.agents.tools.mcp.authorization.problems import (
    AnotherHost,
    AuthorizationProblem,
    NoAuthorization,
    host_of,
    is_other_host,
)
from heartbeat.domain.redaction import shown_address
from heartbeat.domain.setting_values import LOOPBACK
from heartbeat.domain.tool_connections import ClientOrigin, GrantType, OAuthClient

CLIENT_NAME = "Heartbeat"
PROTECTED_RESOURCE = "/.well-known/oauth-protected-resource"
# Which way our client proves who it is, best first.
METHODS: tuple[TokenEndpointAuthMethod, ...] = ("client_secret_basic", "client_secret_post", "none")

# It logs what it raises as well, with what servers answered; whoever called is told in words.
logging.getLogger("mcp").setLevel(logging.CRITICAL)


class Authorized(Exception):
    """Everything before the person's part is done; the provider's context has it."""


@dataclass(frozen=True)
class Terms:
    """How a tool is to be signed in to.

    `shown_issuer` is the authorization server that a person has seen or named. `document_url` is where our client is
    described. `client` is the one that was given or used before. `only_looks`: stop at the authorization server,
    whichever it is, before anything is sent to another host or registered.
    """

    redirect_uri: str
    grant_type: GrantType = "authorization_code"
    shown_issuer: str | None = None
    scopes: tuple[str, ...] = ()
    document_url: str | None = None
    client: OAuthClient | None = None
    only_looks: bool = False


class _NoStorage:
    """Nothing of the SDK's own: the context is read when it is complete."""

    async def get_tokens(self) -> OAuthToken | None:
        return None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        pass

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        pass


class Provider(OAuthClientProvider):
    """Goes as far as a person's part: what the server asks for, who grants it, and our client there.

    Raises `Authorized` then, and before that `AnotherHost`, `NoAuthorization` and `AuthorizationProblem`.
    """

    def __init__(self, server_url: str, terms: Terms) -> None:
        is_local = urlsplit(terms.redirect_uri).hostname in LOOPBACK
        client_metadata = OAuthClientMetadata(
            redirect_uris=[AnyUrl(terms.redirect_uri)],
            client_name=CLIENT_NAME,
            application_type="native" if is_local else "web",
        )
        if terms.grant_type == "client_credentials":
            client_metadata.grant_types = [terms.grant_type]
        # A query may be a secret of its address, and names no other resource.
        super().__init__(
            shown_address(server_url), client_metadata, _NoStorage(), client_metadata_url=terms.document_url
        )
        self.terms = terms
        self._challenged_scope: str | None = None

    async def _initialize(self) -> None:
        if self.terms.client is not None:
            self.context.client_info = OAuthClientInformationFull.model_validate(self.terms.client.information)
        self._initialized = True

    def _select_authorization_server(self, advertised: list[str]) -> str:
        if any("@" in urlsplit(one).netloc for one in advertised):
            # Such an address looks like one of another host: https://well.known.example@evil.example
            raise OAuthFlowError("an authorization server with a user in its address")
        shown = self.terms.shown_issuer
        issuer = next((one for one in advertised if shown is not None and issuers_match(one, shown)), advertised[0])
        is_shown = shown is not None and issuers_match(issuer, shown)
        if self.terms.only_looks or (not is_shown and is_other_host(issuer, self.context.server_url)):
            raise AnotherHost(issuer)
        known = self.terms.client.issuer if self.terms.client else None
        if known is not None and not issuers_match(issuer, known):
            words = f"People sign in to this server at {host_of(issuer)}; the client that was given is one of {known}."
            raise AuthorizationProblem("wrong_issuer", words)
        if urlsplit(self.context.server_url).scheme == "https" and urlsplit(issuer).scheme != "https":
            raise AuthorizationProblem("insecure", f"{host_of(issuer)} is not spoken to over https.")
        return issuer

    async def _perform_authorization(self) -> httpx2.Request:
        metadata = self.context.oauth_metadata
        if metadata is None:
            raise NoAuthorization
        if self.terms.only_looks:
            raise AnotherHost(str(metadata.issuer))
        self._choose_scope(metadata)
        if self.terms.grant_type == "authorization_code":
            _require_pkce(metadata)
        _require_https(metadata, self.context.server_url)
        raise Authorized

    async def _auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        flow = super()._auth_flow(request)
        try:
            response = yield await anext(flow)
            self._challenged_scope = extract_scope_from_www_auth(response)
            if response.is_success:
                # Some show their tools to everybody, and let only those call them who signed in.
                response = httpx2.Response(401, request=request)
            while True:
                outgoing = await flow.asend(response)
                if self._is_elsewhere(outgoing):
                    response = httpx2.Response(404, request=outgoing)
                    continue
                response = yield self._judged(outgoing)
        except StopAsyncIteration:
            return
        finally:
            await flow.aclose()

    def _choose_scope(self, metadata: OAuthMetadata) -> None:
        """Ask for what was said to be asked for, or for what the tool's server named; else for nothing in particular.

        The SDK would ask for everything that the authorization server knows.
        """
        resource, own = self.context.protected_resource_metadata, self.context.client_metadata
        if self.terms.scopes:
            scopes = " ".join(self.terms.scopes)
            own.scope = get_client_metadata_scopes(scopes, None, metadata, own.grant_types)
        elif self._challenged_scope is None and (resource is None or resource.scopes_supported is None):
            own.scope = None

    def _is_elsewhere(self, outgoing: httpx2.Request) -> bool:
        """Whether the description of this very server is said to be on another host, which nobody was shown."""
        is_description = self.context.auth_server_url is None and self.context.oauth_metadata is None
        return is_description and is_other_host(str(outgoing.url), self.context.server_url)

    def _judged(self, outgoing: httpx2.Request) -> httpx2.Request:
        """Let a registration go out only where one is offered, and say how the client will prove who it is."""
        if outgoing.method != "POST":
            return outgoing
        metadata = self.context.oauth_metadata
        if metadata is None:
            raise NoAuthorization
        if self.terms.only_looks:
            raise AnotherHost(str(metadata.issuer))
        if metadata.registration_endpoint is None or self.terms.grant_type == "client_credentials":
            raise AuthorizationProblem(
                "client_needed",
                f"{host_of(str(metadata.issuer))} registers no clients by itself: register one there, with the "
                f"redirect address {self.terms.redirect_uri}, and give its client_id.",
            )
        _require_https(metadata, self.context.server_url)
        self._choose_scope(metadata)
        methods = metadata.token_endpoint_auth_methods_supported or METHODS[:1]
        best = next((method for method in METHODS if method in methods), None)
        self.context.client_metadata.token_endpoint_auth_method = best
        return create_client_registration_request(metadata, self.context.client_metadata, "")

    def client(self) -> OAuthClient:
        """Our client, once `Authorized`."""
        metadata, information = self.context.oauth_metadata, self.context.client_info
        assert metadata is not None
        assert information is not None
        if information.token_endpoint_auth_method is None:
            information.token_endpoint_auth_method = _method(information, metadata)
        # Bound to it, so that the SDK shows it to no other.
        information.issuer = str(metadata.issuer)
        return OAuthClient(
            issuer=str(metadata.issuer),
            resource=self.context.get_resource_url(),
            origin=self._origin(information),
            information=information.model_dump(mode="json", exclude_none=True),
            metadata=metadata.model_dump(mode="json", exclude_none=True),
        )

    def _origin(self, information: OAuthClientInformationFull) -> ClientOrigin:
        known = self.terms.client
        if known is not None and known.information.get("client_id") == information.client_id:
            return known.origin
        return "metadata_document" if information.client_id == self.terms.document_url else "registered"


def at_issuer(client: OAuthClient, redirect_uri: str) -> Provider:
    """The provider of a client that is known, for requests to its token endpoint."""
    provider = Provider(client.resource, Terms(redirect_uri, client=client))
    context = provider.context
    context.client_info = OAuthClientInformationFull.model_validate(client.information)
    context.oauth_metadata = OAuthMetadata.model_validate(client.metadata)
    # The resource is named in every token request.
    context.protocol_version = LATEST_PROTOCOL_VERSION
    return provider


def _method(information: OAuthClientInformationFull, metadata: OAuthMetadata) -> str:
    """How a client proves who it is when nobody said so; by RFC 8414 a server that names no way takes the first."""
    if information.client_secret is None:
        return "none"
    methods: Sequence[str] = metadata.token_endpoint_auth_methods_supported or [METHODS[0]]
    return next((method for method in METHODS[:2] if method in methods), METHODS[0])


def _require_pkce(metadata: OAuthMetadata) -> None:
    """As the protocol has it: who does not say that it takes S256 is not gone on with."""
    if "S256" not in (metadata.code_challenge_methods_supported or []):
        words = f"{host_of(str(metadata.issuer))} does not say that it protects sign-ins with PKCE (S256)."
        raise AuthorizationProblem("no_pkce", words)


def _require_https(metadata: OAuthMetadata, server_url: str) -> None:
    """Where the tool's server is spoken to over https, everything that is trusted with its tokens is."""
    endpoints = (metadata.authorization_endpoint, metadata.token_endpoint, metadata.registration_endpoint)
    insecure = [endpoint for endpoint in endpoints if endpoint is not None and endpoint.scheme != "https"]
    if urlsplit(server_url).scheme == "https" and insecure:
        raise AuthorizationProblem("insecure", f"{insecure[0].host} is not spoken to over https.")
