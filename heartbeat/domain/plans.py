"""Plans: what a project may do."""

from collections.abc import Mapping

from pydantic import BaseModel, Field, PrivateAttr

from heartbeat.domain.errors import Unavailable
from heartbeat.domain.model_names import every_model, full_name, model_key
from heartbeat.domain.quotas import COSTLY, KEY, PROJECT, Quota


class Plan(BaseModel):
    """The limits of a project. `None` means no limit."""

    heartbeats: bool = True
    heartbeats_per_bot: int | None = Field(default=None, ge=0)
    tasks_per_bot: int | None = Field(default=None, ge=0)
    min_interval_minutes: int = Field(default=1, ge=1)
    requests_per_minute: int | None = Field(default=None, ge=1)
    key_requests_per_minute: int | None = Field(default=None, ge=1)
    costly_reads_per_minute: int | None = Field(default=None, ge=1)
    credits_per_month: int | None = Field(default=None, ge=0)
    max_credits_per_run: int | None = Field(default=None, ge=0)
    usual_credits_per_run: int = Field(default=2, ge=0)
    fairness_weight: float = Field(default=1, ge=0.001, le=1_000)
    jitter_seconds: int = Field(default=0, ge=0, le=3_600)
    concurrent_runs: int | None = Field(default=None, ge=1)
    logs_days: int | None = Field(default=None, ge=1, le=36_500)
    prompts_days: int | None = Field(default=None, ge=1, le=36_500)
    audit_days: int | None = Field(default=None, ge=1, le=36_500)
    models: list[str] | None = Field(default=None, min_length=1)
    # Of the models that are named without one; the settings know it.
    _default_provider: str = PrivateAttr("openai")

    def allows(self, model: str) -> bool:
        """Tell whether runs may ask this model, however it is spelled."""
        if self.models is None:
            return True
        name = full_name(model, self._default_provider)
        allowed = {model_key(full_name(entry, self._default_provider)) for entry in self.models}
        return not allowed.isdisjoint({model_key(name), every_model(name)})

    def quotas(self, of_key: int | None = None, costly: bool = False) -> list[Quota]:
        """List what a request is counted for that came with a key, which may have a limit of its own."""
        lower = min((limit for limit in (self.key_requests_per_minute, of_key) if limit is not None), default=None)
        limits = {PROJECT: self.requests_per_minute, KEY: lower}
        quotas = [Quota(name, limit) for name, limit in limits.items() if limit is not None]
        return quotas + (self.costly_quotas() if costly else [])

    def costly_quotas(self) -> list[Quota]:
        """List what a read is counted for that costs much, whoever asks for it."""
        return [Quota(COSTLY, self.costly_reads_per_minute)] if self.costly_reads_per_minute is not None else []

    def cap(self, max_credits_per_run: int | None) -> int | None:
        """Return the most credits of one run: the heartbeat's own number, else the plan's."""
        return self.max_credits_per_run if max_credits_per_run is None else max_credits_per_run


DEFAULT_PLANS = {
    "self_hosted": Plan(),
    "free": Plan(heartbeats=False, logs_days=90, audit_days=400),
    "hobby": Plan(heartbeats=False, logs_days=90, audit_days=400),
    "starter": Plan(
        heartbeats_per_bot=3,
        tasks_per_bot=10,
        min_interval_minutes=60,
        requests_per_minute=60,
        costly_reads_per_minute=20,
        jitter_seconds=300,
        logs_days=90,
        audit_days=400,
    ),
    "pro": Plan(
        heartbeats_per_bot=10,
        tasks_per_bot=50,
        min_interval_minutes=60,
        requests_per_minute=200,
        costly_reads_per_minute=60,
        fairness_weight=2,
        jitter_seconds=300,
        logs_days=365,
        audit_days=400,
    ),
    "prime": Plan(
        heartbeats_per_bot=20,
        tasks_per_bot=100,
        min_interval_minutes=60,
        requests_per_minute=200,
        costly_reads_per_minute=60,
        fairness_weight=4,
        jitter_seconds=300,
        logs_days=730,
        audit_days=400,
    ),
}


def plan_named(plans: Mapping[str, Plan], name: str) -> Plan:
    """Look up a plan; raises `Unavailable` for an unknown one, which must not be an unlimited one."""
    if name not in plans:
        raise Unavailable("plan_unknown", f"The project's plan {name!r} is not one of this server's HEARTBEAT_PLANS.")
    return plans[name]
