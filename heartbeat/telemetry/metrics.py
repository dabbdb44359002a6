"""What a worker process counts, for Prometheus. Numbers of the whole installation are the API's, from the store.

Labels have few values: of the models only those that have answered are one.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

DELAYS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)
LATENCIES = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300)

OPENINGS = Counter(
    "heartbeat_openings", "Runs begun (`started`) and ticks skipped, by reason.", ["outcome"], registry=REGISTRY
)
START_DELAY = Histogram(
    "heartbeat_start_delay_seconds", "From a tick to the start of its run.", registry=REGISTRY, buckets=DELAYS
)
STEP_SECONDS = Histogram(
    "heartbeat_step_seconds",
    "Time of a model request that was answered (`model`, by provider) or of a tool call (`tool`).",
    ["kind", "provider"],
    registry=REGISTRY,
    buckets=LATENCIES,
)
TOKENS = Counter("heartbeat_tokens", "Tokens that model requests used.", ["model", "direction"], registry=REGISTRY)
CREDITS = Counter("heartbeat_credits", "Credits that model requests cost.", ["model"], registry=REGISTRY)
PROVIDER_ERRORS = Counter(
    "heartbeat_provider_errors", "Model requests that failed, by code.", ["provider", "code"], registry=REGISTRY
)
LOST_TRACES = Counter(
    "heartbeat_lost_traces", "Runs of which no trace was sent, for none could be made.", registry=REGISTRY
)
