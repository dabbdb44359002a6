"""Spans on their way to a collector, over OTLP. Importing this loads OpenTelemetry's SDK."""

from collections.abc import Sequence
from functools import cache

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from heartbeat.settings import Settings
from heartbeat.store.runs.traces import RecordedRun
from heartbeat.telemetry.traces.spans import spans_of


def spans_of_runs(runs: Sequence[RecordedRun], settings: Settings, version: str) -> list[ReadableSpan]:
    """The traces of runs."""
    resource = Resource.create({"service.name": settings.otel_service_name, "service.version": version})
    return [span for run in runs for span in spans_of(run, resource, settings.captures_content())]


def send(spans: Sequence[ReadableSpan], settings: Settings) -> bool:
    """Send spans in one request; returns whether they arrived. The exporter itself tries some seconds."""
    assert settings.otel_endpoint is not None
    headers = settings.otel_headers.get_secret_value() if settings.otel_headers else ""
    return _exporter(settings.otel_endpoint, headers).export(spans) is SpanExportResult.SUCCESS


@cache
def _exporter(endpoint: str, headers: str) -> OTLPSpanExporter:
    pairs = (pair.partition("=") for pair in headers.split(",") if "=" in pair)
    # Certificates, time-outs and compression are read from the usual variables by the exporter itself.
    return OTLPSpanExporter(
        f"{endpoint.rstrip('/')}/v1/traces", headers={name.strip(): value.strip() for name, _, value in pairs}
    )
