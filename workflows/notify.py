"""Deliver one notification: attempt after attempt, until it has arrived or cannot arrive any more.

The store counts the attempts and says when the next one is due, so a delivery that is started anew goes on where the
lost one was. Only the notification's id crosses Temporal.
"""

from collections.abc import Sequence
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from activities.notifications import NotificationActivities
    from heartbeat.domain.contracts import NOTIFY
    from heartbeat.domain.worker_roles import Role, role_queue
    from workflows.options import HEARTBEAT_TIMEOUT, RETRY_FOREVER

ATTEMPT_TIMEOUT = timedelta(seconds=90)


@workflow.defn(name=NOTIFY)
class Notify:
    @workflow.run
    async def run(self, notification_uuid: str) -> str:
        while True:
            # What fails here is the store or the worker; a receiver that fails is a result.
            delivery = await workflow.execute_activity_method(
                NotificationActivities.deliver,
                notification_uuid,
                start_to_close_timeout=ATTEMPT_TIMEOUT,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=RETRY_FOREVER,
            )
            if delivery.retry_seconds is None:
                return delivery.status
            await workflow.sleep(timedelta(seconds=delivery.retry_seconds))


async def start_notifying(notification_uuids: Sequence[str]) -> None:
    """Start the delivery of each, which goes on after the run that calls this has ended."""
    queue = role_queue(workflow.info().task_queue, Role.DELIVERY)
    for uuid in notification_uuids:
        try:
            await workflow.start_child_workflow(
                Notify.run,
                uuid,
                id=uuid,
                task_queue=queue,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            )
        except WorkflowAlreadyStartedError:
            # By Upkeep, which starts what nobody has started within a minute.
            continue
