"""The daily rollup: what every ended or skipped run adds to the numbers of its day."""

from datetime import datetime

from sqlalchemy import Connection

from heartbeat.store.rows import add_up, columns
from heartbeat.store.tables.credits import DailyRollup, RunSums

ROLLUP = columns(DailyRollup)

DAY = ("bot_id", "day", "type", "model")
SUMS = tuple(RunSums.model_fields)
NOTHING = dict.fromkeys(SUMS, 0)


def add_to_day(
    connection: Connection, bot_id: int, type_: str, when: datetime, added: dict[str, int], model: str = ""
) -> None:
    """Add to the numbers of a bot's day (in UTC) and of a model; ticks that never ran had none."""
    statement = add_up(connection.dialect.name, ROLLUP, DAY, SUMS)
    of_day = {"bot_id": bot_id, "day": f"{when:%Y-%m-%d}", "type": type_, "model": model}
    connection.execute(statement, {**NOTHING, **added, **of_day})
