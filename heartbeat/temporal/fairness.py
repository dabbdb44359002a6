"""Whose turn it is: Temporal shares its workers out among projects, by the weights of their plans.

A workflow hands its priority on to its activities and to the deliveries that it starts. A server that knows or does
fairness not takes them in the order in which they came.
"""

from temporalio.common import Priority

from heartbeat.domain.plans import Plan
from heartbeat.settings import Settings
from heartbeat.store.heartbeats.sync import ScheduledRow


def priority(row: ScheduledRow, settings: Settings) -> Priority:
    """The turn of a run among those of other projects. All have the same priority key: none goes before all others."""
    weight = settings.plans.get(row.plan, Plan()).fairness_weight
    return Priority(fairness_key=f"project-{row.heartbeat.project_id}", fairness_weight=weight)
