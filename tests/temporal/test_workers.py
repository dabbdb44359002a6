"""Which workers are given what is new, by what servers of several ages say of a queue."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.deployment.v1 import WorkerDeploymentOptions, WorkerDeploymentVersion
from temporalio.api.enums.v1 import WorkerVersioningMode
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueueVersioningInfo
from temporalio.api.workflowservice.v1 import DescribeTaskQueueResponse

from heartbeat.temporal.workers import Workers, living_workers
from tests.support.seeds import NOW

POLLED = Timestamp(seconds=int(NOW.timestamp()))
PLAIN = PollerInfo(identity="plain", last_access_time=POLLED)
VERSIONED = PollerInfo(
    identity="versioned",
    last_access_time=POLLED,
    deployment_options=WorkerDeploymentOptions(
        deployment_name="heartbeat",
        build_id="2",
        worker_versioning_mode=WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED,
    ),
)
ONE, TWO = (WorkerDeploymentVersion(deployment_name="heartbeat", build_id=build) for build in "12")


@pytest.mark.parametrize(
    ("info", "pollers", "current"),
    [
        (None, [PLAIN], 1),
        (TaskQueueVersioningInfo(current_version="__unversioned__"), [PLAIN, VERSIONED], 1),
        (TaskQueueVersioningInfo(current_deployment_version=TWO), [PLAIN, VERSIONED], 1),
        (TaskQueueVersioningInfo(current_deployment_version=ONE), [PLAIN, VERSIONED], 0),
        (
            TaskQueueVersioningInfo(
                current_deployment_version=ONE, ramping_deployment_version=TWO, ramping_version_percentage=100
            ),
            [VERSIONED],
            1,
        ),
        (TaskQueueVersioningInfo(current_version="heartbeat.2"), [PLAIN, VERSIONED], 2),
    ],
    ids=["old server", "no build", "this build", "another build", "all of the ramp", "in a word of before"],
)
def test_those_of_the_current_build_are_told_apart(
    info: TaskQueueVersioningInfo | None, pollers: list[PollerInfo], current: int
) -> None:
    queue = DescribeTaskQueueResponse(pollers=pollers, versioning_info=info)
    assert living_workers(queue, {}, NOW) == Workers(len(pollers), current)
