"""Deliver one notification: attempt after attempt, until it is there or will not get there any more.

The store counts the attempts and says when the next one is due, so a delivery that is started anew goes on where the
lost one was. Only the notification's id crosses Temporal.
"""

from collections.abc import Sequence
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from activities.notifications import NotificationActivities
    from heartbeat.domain.contracts import NOTIFY

ATTEMPT = timedelta(seconds=90)
HEARTBEAT_TIMEOUT = timedelta(seconds=8)
# What fails here is the store or the worker; a receiver that fails is an answer.
RETRY_FOREVER = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))


@workflow.defn(name=NOTIFY)
class Notify:
    @workflow.run
    async def run(self, notification: str) -> str:
        while True:
            delivery = await workflow.execute_activity_method(
                NotificationActivities.deliver,
                notification,
                start_to_close_timeout=ATTEMPT,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=RETRY_FOREVER,
            )
            if delivery.retry_seconds is None:
                return delivery.status
            await workflow.sleep(timedelta(seconds=delivery.retry_seconds))


async def start_notifying(notifications: Sequence[str]) -> None:
    """Start the delivery of each, which goes on after the workflow that calls this has ended."""
    for uuid in notifications:
        try:
            await workflow.start_child_workflow(
                Notify.run, uuid, id=uuid, parent_close_policy=workflow.ParentClosePolicy.ABANDON
            )
        except WorkflowAlreadyStartedError:
            # By Upkeep, which found that nobody had.
            continue
