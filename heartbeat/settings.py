"""Every setting of the product, read from the environment or a `.env` file.

`Settings()` is built only where a process starts (the command line, `worker.py`, a test); everything
else is handed the object. The names here are the names in docs/settings.md, and a test holds the two together.
"""

import json
import ssl
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from heartbeat.domain.bounds import Bounds
from heartbeat.domain.group_roles import GroupRole
from heartbeat.domain.model_names import full_name, model_key
from heartbeat.domain.money import CreditPrice
from heartbeat.domain.plans import DEFAULT_PLANS, Plan, plan_named
from heartbeat.domain.secret_keys import read_keys
from heartbeat.domain.setting_values import (
    bare,
    proxy_address,
    require_api_key,
    require_header_text,
    require_secure,
    require_web_address,
)
from heartbeat.domain.stdio_tools import StdioTool
from heartbeat.domain.trace_ids import trace_id
from heartbeat.domain.worker_roles import Role, role_queue
from heartbeat.egress.addresses import AllowList

AppriseName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]

DATABASE_SCHEMES = ("sqlite:///", "postgresql://", "postgres://", "postgresql+psycopg://")


def _alias(name: str) -> Any:
    """Read a setting from the usual variable of its field, which has not this product's prefix."""
    return AliasChoices(name)


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="HEARTBEAT_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
        # A wrong value may still be a secret.
        hide_input_in_errors=True,
    )

    # Where things are
    data_dir: Path = Path(".heartbeat")
    database_url: str | None = None
    database_timeout_seconds: float = Field(default=8, ge=0.1, le=600)
    database_pool_size: int = Field(default=10, ge=1, le=1000)
    host: str = "127.0.0.1"
    port: int = Field(default=8400, ge=1, le=65535)

    # What it says of itself
    log_format: Literal["auto", "json", "text"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    otel_endpoint: str | None = Field(
        default=None, pattern=r"^https?://[^\s?#]+$", validation_alias=_alias("OTEL_EXPORTER_OTLP_ENDPOINT")
    )
    otel_headers: SecretStr | None = Field(default=None, validation_alias=_alias("OTEL_EXPORTER_OTLP_HEADERS"))
    otel_service_name: str = Field(default="heartbeat", validation_alias=_alias("OTEL_SERVICE_NAME"))
    otel_content: str = Field(
        default="false", validation_alias=_alias("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT")
    )
    trace_url: str | None = Field(default=None, pattern=r"^https?://\S*\{trace_id\}\S*$")

    # The first project and key
    project_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    api_key: SecretStr | None = None

    # Whether a key signs people in, too
    key_sign_in: bool = True

    # People who sign in at an issuer of OpenID Connect
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_name: str = Field(default="OpenID Connect", max_length=60)
    oidc_scopes: str = Field(default="openid profile email", pattern=r"^(\S+ )*openid( \S+)*$")
    oidc_groups_claim: str = "groups"
    oidc_groups: dict[str, list[GroupRole]] = Field(default_factory=dict)

    # Temporal: an address means "use that cluster and start none"
    temporal_address: str | None = Field(default=None, validation_alias=_alias("TEMPORAL_ADDRESS"))
    temporal_namespace: str = Field(default="default", validation_alias=_alias("TEMPORAL_NAMESPACE"))
    temporal_api_key: SecretStr | None = Field(default=None, validation_alias=_alias("TEMPORAL_API_KEY"))
    temporal_tls: bool = Field(default=False, validation_alias=_alias("TEMPORAL_TLS"))
    temporal_tls_ca: Path | None = Field(default=None, validation_alias=_alias("TEMPORAL_TLS_SERVER_CA_CERT_PATH"))
    temporal_tls_cert: Path | None = Field(default=None, validation_alias=_alias("TEMPORAL_TLS_CLIENT_CERT_PATH"))
    temporal_tls_key: Path | None = Field(default=None, validation_alias=_alias("TEMPORAL_TLS_CLIENT_KEY_PATH"))
    temporal_ui_url: str | None = Field(default=None, validation_alias=_alias("TEMPORAL_UI_URL"))
    temporal_port: int = Field(default=7233, ge=1, le=65535)
    temporal_ui_host: str = "127.0.0.1"
    temporal_ui_port: int = Field(default=8233, ge=1, le=65535)
    task_queue: str = "heartbeat"
    deployment_name: str = Field(default="heartbeat", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    build_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.-]{1,128}$")
    drain_seconds: float = Field(default=20, ge=0, le=3600)
    worker_roles: list[Role] = Field(default_factory=lambda: list(Role), min_length=1)

    # The run
    step_timeout_seconds: int = Field(default=120, ge=1)
    step_attempts: int = Field(default=5, ge=1)
    run_timeout_seconds: int = Field(default=900, ge=1)
    max_reply_tokens: int = Field(default=2048, ge=1)
    trigger_wait: float = Field(default=120, ge=0)
    worker_concurrency: int = Field(default=100, ge=1)
    provider_concurrency: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)

    # Tools
    secret_keys: SecretStr | None = None
    egress_allow: list[str] = Field(default_factory=list)
    stdio_tools: dict[str, StdioTool] = Field(default_factory=dict)
    tool_timeout_seconds: int = Field(default=60, ge=1)
    tool_result_bytes: int = Field(default=65_536, ge=1_024)
    transcript_bytes: int = Field(default=2_000_000, ge=10_000)

    # Notifications
    finding_reminder_hours: int = Field(default=24, ge=1)
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s?#]+$")
    apprise_targets: dict[AppriseName, SecretStr] = Field(default_factory=dict)

    # Models
    default_model: str | None = None
    default_provider: str = "openai"
    local_url: str = "http://127.0.0.1:8401/v1"
    openai_api_key: SecretStr | None = Field(default=None, validation_alias=_alias("OPENAI_API_KEY"))
    openai_base_url: str | None = Field(default=None, validation_alias=_alias("OPENAI_BASE_URL"))
    anthropic_api_key: SecretStr | None = Field(default=None, validation_alias=_alias("ANTHROPIC_API_KEY"))
    anthropic_base_url: str | None = Field(default=None, validation_alias=_alias("ANTHROPIC_BASE_URL"))
    google_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("GOOGLE_API_KEY", "GEMINI_API_KEY")
    )
    google_base_url: str | None = Field(default=None, validation_alias=_alias("GOOGLE_GEMINI_BASE_URL"))
    ollama_base_url: str = Field(default="http://127.0.0.1:11434/v1", validation_alias=_alias("OLLAMA_BASE_URL"))
    http_proxy: SecretStr | None = Field(default=None, validation_alias=_alias("HTTP_PROXY"))
    https_proxy: SecretStr | None = Field(default=None, validation_alias=_alias("HTTPS_PROXY"))
    no_proxy: str | None = Field(default=None, validation_alias=_alias("NO_PROXY"))
    ssl_cert_file: Path | None = Field(default=None, validation_alias=_alias("SSL_CERT_FILE"))

    # Money and limits
    credits_per_1000_tokens: int = Field(default=1, ge=0)
    currency_per_credit: str | None = None
    model_rates: dict[str, int] = Field(default_factory=dict)
    plans: Annotated[dict[str, Plan], NoDecode] = Field(default_factory=dict, validate_default=True)
    max_body_bytes: int = Field(default=1_000_000, ge=1_000)
    max_connections: int = Field(default=1_000, ge=1)
    max_connections_per_address: int = Field(default=500, ge=1)
    free_failures: int = Field(default=10, ge=1, le=1_000_000)

    @model_validator(mode="before")
    @classmethod
    def _bare_values(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Take from each value what a file or a secret put around it; one that is empty then counts as not set."""
        read = {name: bare(value) for name, value in values.items()}
        return {name: value for name, value in read.items() if value != "" or values[name] == ""}

    @field_validator("openai_api_key", "anthropic_api_key", "google_api_key", "temporal_api_key")
    @classmethod
    def _can_be_sent(cls, secret: SecretStr | None) -> SecretStr | None:
        require_header_text(secret.get_secret_value() if secret else "")
        return secret

    @field_validator("openai_base_url", "anthropic_base_url", "google_base_url", "ollama_base_url", "local_url")
    @classmethod
    def _is_a_web_address(cls, url: str | None) -> str | None:
        if url is not None:
            require_web_address(url)
        return url

    @field_validator("oidc_issuer")
    @classmethod
    def _is_an_issuer(cls, url: str | None) -> str | None:
        if url is not None:
            require_secure(url)
        return url

    @field_validator("oidc_groups", mode="before")
    @classmethod
    def _of_one_project_or_several(cls, groups: Any) -> Any:
        if not isinstance(groups, dict):
            return groups
        return {group: given if isinstance(given, list) else [given] for group, given in groups.items()}

    @model_validator(mode="after")
    def _names_a_client(self) -> Self:
        if self.oidc_issuer and not self.oidc_client_id:
            raise ValueError("HEARTBEAT_OIDC_ISSUER needs HEARTBEAT_OIDC_CLIENT_ID, too")
        return self

    @field_validator("http_proxy", "https_proxy")
    @classmethod
    def _is_a_proxy(cls, secret: SecretStr | None) -> SecretStr | None:
        return SecretStr(proxy_address(secret.get_secret_value())) if secret else None

    @field_validator("ssl_cert_file")
    @classmethod
    def _holds_certificates(cls, path: Path | None) -> Path | None:
        try:
            ssl.create_default_context(cafile=path) if path else None
        except (OSError, ValueError):
            raise ValueError("must name a file with certificates (PEM) that this process can read") from None
        return path

    @field_validator("database_url")
    @classmethod
    def _is_a_database_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if not url.startswith(DATABASE_SCHEMES):
            raise ValueError("must begin with postgresql:// or sqlite:///")
        # Most commands that need no database have none named.
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            make_url(url)
        except (ValueError, ArgumentError):
            raise ValueError("must look like postgresql://user:password@host:5432/name") from None
        return url

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret:
            require_api_key(secret.get_secret_value())
        return secret

    @field_validator("currency_per_credit")
    @classmethod
    def _is_a_price(cls, text: str | None) -> str | None:
        if text is not None:
            CreditPrice.read(text)
        return text

    @field_validator("plans", mode="before")
    @classmethod
    def _with_built_in_plans(cls, value: Any) -> Any:
        parsed = json.loads(value) if isinstance(value, str) else value or {}
        if not isinstance(parsed, dict):
            raise ValueError("must be a JSON object: plans by their names")
        return {**DEFAULT_PLANS, **parsed}

    @field_validator("plans")
    @classmethod
    def _know_bare_models(cls, plans: dict[str, Plan], info: ValidationInfo) -> dict[str, Plan]:
        for plan in plans.values():
            if plan.models is not None:
                plan._default_provider = info.data.get("default_provider", "openai")
        return plans

    @field_validator("model_rates")
    @classmethod
    def _by_model_key(cls, rates: dict[str, int], info: ValidationInfo) -> dict[str, int]:
        provider = info.data.get("default_provider", "openai")
        by_key = {model_key(full_name(name, provider)): rate for name, rate in rates.items()}
        if len(by_key) < len(rates):
            raise ValueError("names one model twice, in two spellings")
        return by_key

    @field_validator("provider_concurrency")
    @classmethod
    def _by_provider(cls, requests: dict[str, int]) -> dict[str, int]:
        return {provider.strip().lower(): size for provider, size in requests.items()}

    @field_validator("egress_allow")
    @classmethod
    def _is_an_allow_list(cls, entries: list[str]) -> list[str]:
        AllowList(entries)
        return entries

    @field_validator("secret_keys")
    @classmethod
    def _are_secret_keys(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret:
            read_keys(secret.get_secret_value())
        return secret

    def store_url(self) -> str:
        """Return the database's URL: SQLite in the data directory when none is set."""
        return self.database_url or f"sqlite:///{self.data_dir / 'heartbeat.db'}"

    def temporal_target(self) -> str:
        """Return `host:port` of Temporal: the cluster of the settings, else the embedded server."""
        return self.temporal_address or f"127.0.0.1:{self.temporal_port}"

    def queue(self, role: Role) -> str:
        """Return the task queue of a role."""
        return role_queue(self.task_queue, role)

    def captures_content(self) -> bool:
        """Whether traces have prompts, answers, arguments and results in them."""
        return self.otel_content.lower() in ("true", "1", "span_only", "span_and_event")

    def trace_link(self, run_uuid: str) -> str | None:
        """Return where people look at the trace of a run, if the operator said where that is."""
        return self.trace_url.replace("{trace_id}", trace_id(run_uuid)) if self.trace_url else None

    def ui_url(self) -> str:
        return (self.temporal_ui_url or f"http://127.0.0.1:{self.temporal_ui_port}").rstrip("/")

    def api_url(self) -> str:
        """Return the API's address as seen from this machine."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def credit_price(self) -> CreditPrice | None:
        """Return what a credit costs an owner; `None` when the operator has not set it."""
        return CreditPrice.read(self.currency_per_credit) if self.currency_per_credit else None

    def price(self, credits_: float) -> str | None:
        """Return what so many credits cost, as `0.024 EUR`; `None` when the operator has not set it."""
        price = self.credit_price()
        return price.text(credits_) if price else None

    def bounds(self) -> Bounds:
        """Return what may be under way at once, by plans and providers."""
        runs = {name: plan.concurrent_runs for name, plan in self.plans.items() if plan.concurrent_runs is not None}
        return Bounds(runs, self.provider_concurrency)

    def plan(self, name: str) -> Plan:
        """Return the plan called `name`; raises `Unavailable`."""
        return plan_named(self.plans, name)
