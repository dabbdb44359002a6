"""How many runs of a project, and how many requests to a provider, may be under way at once, on all workers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from heartbeat.domain.fallbacks import provider_of

PROJECT, PROVIDER = "project", "provider"


@dataclass(frozen=True)
class Bound:
    """At most `size` may hold a slot of `scope` at once."""

    scope: str
    size: int


@dataclass(frozen=True)
class Bounds:
    """The bounds of the settings: runs of a project, by plan, and requests to a provider. By default there are none."""

    runs: Mapping[str, int] = field(default_factory=dict)
    requests: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.runs or self.requests)

    def of(self, project_id: int, plan: str, model: str) -> list[Bound]:
        """Those of a step of a project on this plan that asks this model, in the order in which slots are taken."""
        provider = provider_of(model)
        of_project = [Bound(f"{PROJECT}:{project_id}", self.runs[plan])] if plan in self.runs else []
        of_provider = [Bound(f"{PROVIDER}:{provider}", self.requests[provider])] if provider in self.requests else []
        return [*of_project, *of_provider]
