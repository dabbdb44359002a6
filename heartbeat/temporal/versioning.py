"""Worker Versioning: runs stay with the build of the workers that began them, until they wait for a person."""

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest, UpdateWorkflowExecutionOptionsRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import WorkerDeploymentConfig

from heartbeat.domain.worker_roles import Role
from heartbeat.settings import Settings
from heartbeat.temporal.client import RPC_TIMEOUT

PINNED, AUTO_UPGRADE = VersioningBehavior.PINNED, VersioningBehavior.AUTO_UPGRADE


def deployment_config(settings: Settings, role: Role) -> WorkerDeploymentConfig | None:
    """Say which build this worker is; `None` without a build id, for one that goes on with what any other began."""
    if settings.build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.deployment_name, settings.build_id),
        use_worker_versioning=True,
        # Not with the workflows' definitions: Temporal takes no such word from a worker without a build id.
        default_versioning_behavior=PINNED if role == Role.RUNS else AUTO_UPGRADE,
    )


async def let_upgrade(client: Client, workflow_id: str, run_id: str) -> None:
    """Have a workflow go on with the build that is current by then, from its next task on; raises `RPCError`."""
    await client.workflow_service.update_workflow_execution_options(
        UpdateWorkflowExecutionOptionsRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            workflow_execution_options=WorkflowExecutionOptions(
                versioning_override=VersioningOverride(auto_upgrade=True)
            ),
            update_mask=FieldMask(paths=["versioning_override"]),
        ),
        retry=True,
        timeout=RPC_TIMEOUT,
    )


async def current_build(client: Client, settings: Settings) -> str | None:
    """Which build begins new runs; `None` while no build of the deployment is current."""
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=settings.deployment_name)
    try:
        answer = await client.workflow_service.describe_worker_deployment(request, timeout=RPC_TIMEOUT)
    except RPCError as problem:
        if problem.status == RPCStatusCode.NOT_FOUND:
            return None
        raise
    return answer.worker_deployment_info.routing_config.current_deployment_version.build_id or None
