"""The connection to Temporal, and whether anybody answers there."""

from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, TLSConfig
from temporalio.service import RPCError

from heartbeat.settings import Settings
from heartbeat.temporal.converter import DATA_CONVERTER

RPC_TIMEOUT = timedelta(seconds=3)


async def connect(settings: Settings, *, lazy: bool = True) -> Client:
    """A client of the settings' cluster. A lazy one opens no connection yet, so it cannot fail."""
    return await Client.connect(
        settings.temporal_target(),
        namespace=settings.temporal_namespace,
        api_key=settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None,
        tls=_tls(settings),
        data_converter=DATA_CONVERTER,
        lazy=lazy,
    )


async def healthy(client: Client) -> bool:
    """Whether Temporal answers within three seconds."""
    try:
        return await client.service_client.check_health(timeout=RPC_TIMEOUT)
    except (RPCError, RuntimeError):
        return False


async def pollers(client: Client, task_queue: str) -> int:
    """How many workers poll the queue for workflows; 0 when Temporal does not answer."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        return len((await client.workflow_service.describe_task_queue(request, timeout=RPC_TIMEOUT)).pollers)
    except (RPCError, RuntimeError):
        return 0


def _tls(settings: Settings) -> TLSConfig | bool:
    authority, certificate, key = (
        path.read_bytes() if path else None
        for path in (settings.temporal_tls_ca, settings.temporal_tls_cert, settings.temporal_tls_key)
    )
    if authority or certificate or key:
        return TLSConfig(server_root_ca_cert=authority, client_cert=certificate, client_private_key=key)
    return settings.temporal_tls or settings.temporal_api_key is not None
