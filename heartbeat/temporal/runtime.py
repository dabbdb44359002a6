"""The part of Temporal's SDK that is not Python: where its logs go, and its metrics."""

import logging
import socket

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

WARNINGS = TelemetryFilter(core_level="WARN", other_level="ERROR")


def set_runtime(has_metrics: bool = False) -> str | None:
    """Make the runtime of this process before its first client: its logs are Python's, in the same format.

    Returns where it serves its metrics (`127.0.0.1:port`, in Prometheus' text format), if it is to have them.
    """
    address = _free_loopback_address() if has_metrics else None
    metrics = _metrics(address) if address else None
    forwarding = LogForwardingConfig(logging.getLogger("temporalio"))
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(LoggingConfig(WARNINGS, forwarding), metrics)))
    return address


def _metrics(address: str) -> PrometheusConfig:
    return PrometheusConfig(address, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True)


def _free_loopback_address() -> str:
    """A free port: the runtime does not say which one it has, so it cannot be left to choose."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"
