"""Every setting of the product, read from the environment or a `.env` file.

`Settings()` is built only where a process starts (the command line, `worker.py`, a test); everything
else is handed the object. The names here are the names in docs/settings.md, and a test holds the two together.
"""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from heartbeat.domain.secret_keys import read_keys
from heartbeat.domain.tool_risks import Risk
from heartbeat.egress.addresses import AllowList


class Plan(BaseModel):
    """What a project may do. `None` means no limit."""

    heartbeats: bool = True
    heartbeats_per_bot: int | None = Field(default=None, ge=0)
    tasks_per_bot: int | None = Field(default=None, ge=0)
    min_interval_minutes: int = Field(default=1, ge=1)
    requests_per_minute: int | None = Field(default=None, ge=1)
    credits_per_month: int | None = Field(default=None, ge=0)
    usual_credits_per_run: int = Field(default=2, ge=0)


class StdioTool(BaseModel):
    """An MCP server that the operator lets the workers start: it runs commands, so no API can name one.

    `bots` are the public ids of the bots that may use it; none means every bot. `risks` are what its tools bring along.
    """

    command: str
    args: list[str] = Field(default_factory=list)
    env: dict[str, SecretStr] = Field(default_factory=dict)
    bots: list[str] = Field(default_factory=list)
    risks: list[Risk] = Field(default_factory=list)


AppriseName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]

DEFAULT_PLANS = {
    "self_hosted": Plan(),
    "free": Plan(heartbeats=False),
    "hobby": Plan(heartbeats=False),
    "starter": Plan(heartbeats_per_bot=3, tasks_per_bot=10, min_interval_minutes=60, requests_per_minute=60),
    "pro": Plan(heartbeats_per_bot=10, tasks_per_bot=50, min_interval_minutes=60, requests_per_minute=200),
    "prime": Plan(heartbeats_per_bot=20, tasks_per_bot=100, min_interval_minutes=60, requests_per_minute=200),
}


DATABASES = ("sqlite:///", "postgresql://", "postgres://", "postgresql+psycopg://")
SHORTEST_KEY = 8


def _named(name: str) -> Any:
    """A setting that keeps the name its own field gave it, without this product's prefix."""
    return AliasChoices(name)


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="HEARTBEAT_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
        # A variable that is wrong may be a key all the same.
        hide_input_in_errors=True,
    )

    # Where things are
    data_dir: Path = Path(".heartbeat")
    database_url: str | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8400, ge=1, le=65535)

    # The first project and key
    project_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    api_key: SecretStr | None = None

    # Temporal: an address means "use that cluster and start none"
    temporal_address: str | None = Field(default=None, validation_alias=_named("TEMPORAL_ADDRESS"))
    temporal_namespace: str = Field(default="default", validation_alias=_named("TEMPORAL_NAMESPACE"))
    temporal_api_key: SecretStr | None = Field(default=None, validation_alias=_named("TEMPORAL_API_KEY"))
    temporal_tls: bool = Field(default=False, validation_alias=_named("TEMPORAL_TLS"))
    temporal_tls_ca: Path | None = Field(default=None, validation_alias=_named("TEMPORAL_TLS_SERVER_CA_CERT_PATH"))
    temporal_tls_cert: Path | None = Field(default=None, validation_alias=_named("TEMPORAL_TLS_CLIENT_CERT_PATH"))
    temporal_tls_key: Path | None = Field(default=None, validation_alias=_named("TEMPORAL_TLS_CLIENT_KEY_PATH"))
    temporal_ui_url: str | None = Field(default=None, validation_alias=_named("TEMPORAL_UI_URL"))
    temporal_port: int = Field(default=7233, ge=1, le=65535)
    temporal_ui_host: str = "127.0.0.1"
    temporal_ui_port: int = Field(default=8233, ge=1, le=65535)
    task_queue: str = "heartbeat"

    # The run
    step_timeout_seconds: int = Field(default=120, ge=1)
    step_attempts: int = Field(default=5, ge=1)
    run_timeout_seconds: int = Field(default=900, ge=1)
    max_reply_tokens: int = Field(default=2048, ge=1)
    trigger_wait: float = Field(default=120, ge=0)
    worker_concurrency: int = Field(default=100, ge=1)

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
    openai_api_key: SecretStr | None = Field(default=None, validation_alias=_named("OPENAI_API_KEY"))
    openai_base_url: str | None = Field(default=None, validation_alias=_named("OPENAI_BASE_URL"))
    anthropic_api_key: SecretStr | None = Field(default=None, validation_alias=_named("ANTHROPIC_API_KEY"))
    anthropic_base_url: str | None = Field(default=None, validation_alias=_named("ANTHROPIC_BASE_URL"))
    google_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("GOOGLE_API_KEY", "GEMINI_API_KEY")
    )
    ollama_base_url: str = Field(default="http://127.0.0.1:11434/v1", validation_alias=_named("OLLAMA_BASE_URL"))

    # Money and limits
    credits_per_1000_tokens: int = Field(default=1, ge=0)
    model_rates: dict[str, int] = Field(default_factory=dict)
    plans: Annotated[dict[str, Plan], NoDecode] = Field(default_factory=dict, validate_default=True)
    max_body_bytes: int = Field(default=1_000_000, ge=1_000)

    @field_validator("database_url")
    @classmethod
    def _of_a_database_we_know(cls, given: str | None) -> str | None:
        if given is None:
            return None
        if not given.startswith(DATABASES):
            raise ValueError("must begin with postgresql:// or sqlite:///")
        try:
            make_url(given)
        except (ValueError, ArgumentError):
            raise ValueError("must look like postgresql://user:password@host:5432/name") from None
        return given

    @field_validator("api_key")
    @classmethod
    def _fit_for_a_header(cls, given: SecretStr | None) -> SecretStr | None:
        key = given.get_secret_value() if given else "unset..."
        if len(key) < SHORTEST_KEY or not (key.isascii() and key.isprintable()) or key != key.strip():
            raise ValueError("must be 8 or more printable ASCII characters, with no space before or after them")
        return given

    @field_validator("plans", mode="before")
    @classmethod
    def _over_the_built_in_plans(cls, given: Any) -> Any:
        parsed = json.loads(given) if isinstance(given, str) else given or {}
        if not isinstance(parsed, dict):
            raise ValueError("must be a JSON object: plans by their names")
        return {**DEFAULT_PLANS, **parsed}

    @field_validator("egress_allow")
    @classmethod
    def _readable(cls, given: list[str]) -> list[str]:
        AllowList(given)
        return given

    @field_validator("secret_keys")
    @classmethod
    def _usable(cls, given: SecretStr | None) -> SecretStr | None:
        if given:
            read_keys(given.get_secret_value())
        return given

    def store_url(self) -> str:
        """The database's URL; SQLite in the data directory when none was given."""
        return self.database_url or f"sqlite:///{self.data_dir / 'heartbeat.db'}"

    def temporal_target(self) -> str:
        """`host:port` of Temporal: the cluster that was named, else the embedded server."""
        return self.temporal_address or f"127.0.0.1:{self.temporal_port}"

    def ui_url(self) -> str:
        """Where people open Temporal's UI."""
        return (self.temporal_ui_url or f"http://127.0.0.1:{self.temporal_ui_port}").rstrip("/")

    def plan(self, name: str) -> Plan:
        """The plan called `name`; an unknown name is a configuration error, not an unlimited plan."""
        return self.plans[name]
