"""What is left once all is quiet again."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, many
from tests.faults.callers import Accepted
from tests.faults.outside import Outside


@dataclass
class Aftermath:
    """The database, what callers were told, and what got outside. Up to `until` every tick must be accounted for.

    `schedules` are those that Temporal has, by id and whether they are active, `sizes` what each process had once it
    was warm and has at the end, and `left` the processes that nobody has any more.
    """

    database: Database
    accepted: Accepted
    outside: Outside
    until: datetime
    schedules: dict[str, bool] = field(default_factory=dict)
    sizes: dict[str, dict[str, tuple[int, int]]] = field(default_factory=lambda: {"warm": {}, "end": {}})
    left: list[str] = field(default_factory=list)

    def rows(self, table: type) -> list[Any]:
        return self.database.read_now(lambda c: many(c, table, select(columns(table))))
