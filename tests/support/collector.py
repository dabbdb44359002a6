"""An OpenTelemetry collector: what is posted to it in OTLP, decoded."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.support.thread_server import ThreadServer

KIND = "application/x-protobuf"


class Collector(ThreadServer):
    """Takes traces, unless it is `away`; then it answers 400, which no exporter tries again by itself.

    So it does to a request with a span of a trace that is `refused`.
    """

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resources: list[dict[str, object]] = []
        self.headers: list[dict[str, str]] = []
        self.away = False
        self.refused: set[str] = set()
        super().__init__()

    def app(self) -> ASGIApp:
        async def take(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            body = await request.body()
            if self.away or request.url.path != "/v1/traces" or request.headers["content-type"] != KIND:
                await Response(status_code=400)(scope, receive, send)
                return
            parts = ExportTraceServiceRequest.FromString(body).resource_spans
            spans = [span for part in parts for scoped in part.scope_spans for span in scoped.spans]
            if self.refused & {span.trace_id.hex() for span in spans}:
                await Response(status_code=400)(scope, receive, send)
                return
            self.headers.append(dict(request.headers))
            self.resources += [values(part.resource.attributes) for part in parts]
            self.spans += spans
            answer = ExportTraceServiceResponse().SerializeToString()
            await Response(answer, media_type=KIND)(scope, receive, send)

        return take


def values(attributes: list[KeyValue]) -> dict[str, object]:
    """Attributes by name."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
