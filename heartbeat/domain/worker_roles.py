"""What a worker is there for, and the task queue of each role: a flood of runs delays neither accounts nor messages."""

from enum import StrEnum


class Role(StrEnum):
    RUNS = "runs"
    UPKEEP = "upkeep"
    DELIVERY = "delivery"


def role_queue(task_queue: str, role: Role) -> str:
    """Return the task queue of a role; `task_queue` is the one of the settings, which runs have."""
    return task_queue if role == Role.RUNS else f"{task_queue}-{role}"
