"""Which of its two scheduler engines the tests' Temporal server runs: HEARTBEAT_TEST_SCHEDULER names it.

`workflow`, one workflow a schedule, is what server 1.32 does unless it is told otherwise; `chasm` is its successor.
"""

import os
from dataclasses import dataclass

SWITCHES = ("enableChasm", "enableCHASMSchedulerCreation", "enableCHASMSchedulerRouting")


@dataclass(frozen=True)
class Engine:
    """`settings` choose it. `holder` is the type of the workflow that holds a schedule's name under it."""

    settings: tuple[str, ...]
    holder: str


ENGINES = {
    "workflow": Engine(tuple(f"history.{one}=false" for one in SWITCHES), "temporal-sys-scheduler-workflow"),
    # The schedule itself is none: this one only keeps the other engine from taking its name.
    "chasm": Engine(
        (*(f"history.{one}=true" for one in SWITCHES), "history.chasmSchedulerCreationRolloutPercent=100"),
        "temporal-sys-dummy-workflow",
    ),
}


def chosen() -> str:
    """The name of the engine that this run of the tests is on."""
    return os.environ.get("HEARTBEAT_TEST_SCHEDULER", "workflow")
