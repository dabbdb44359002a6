"""Whether runs are exported as traces."""

import logging
from functools import cache
from importlib.util import find_spec

from heartbeat.settings import Settings

log = logging.getLogger(__name__)


def is_traced(settings: Settings) -> bool:
    """Whether runs are exported as traces: somewhere to send them to, and the packages for it."""
    return settings.otel_endpoint is not None and _is_installed()


@cache
def _is_installed() -> bool:
    if find_spec("opentelemetry.sdk") and find_spec("opentelemetry.exporter"):
        return True
    log.error("OTEL_EXPORTER_OTLP_ENDPOINT is set, and no traces are sent: install heartbeat-server[otel].")
    return False
