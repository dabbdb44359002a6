"""The daily numbers: what every ended or skipped run adds to those of its bot and of its heartbeat."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Integer, Table, Text, bindparam, cast, func
from sqlalchemy.dialects import postgresql

from heartbeat.domain.durations import bucket
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns, insert_in
from heartbeat.store.tables.credits import DailyRollup, HeartbeatDay, RunSums
from heartbeat.store.tables.heartbeats import Heartbeat

ROLLUP, HEARTBEAT_DAY = columns(DailyRollup), columns(HeartbeatDay)

SUMS = tuple(RunSums.model_fields)
NOTHING = dict.fromkeys(SUMS, 0)
NO_OTHERS: Mapping[str, Mapping[str, int]] = {}


def add_to_day(
    connection: Connection,
    heartbeat: Heartbeat,
    when: datetime,
    added: dict[str, int],
    model: str = "",
    of_others: Mapping[str, Mapping[str, int]] = NO_OTHERS,
) -> None:
    """Add to the numbers of a day (in UTC): the heartbeat's, and its bot's with this model.

    `of_others` is what of that the models used that stood in for it. A run that began has its `duration_ms` in `added`;
    ticks that never ran have neither that nor a model.
    """
    values: dict[str, Any] = {**NOTHING, **added, "day": f"{when:%Y-%m-%d}", "durations": "{}"}
    timed = "duration_ms" in added
    if timed:
        number = str(bucket(added["duration_ms"]))
        values |= {"durations": f'{{"{number}": 1}}', "bucket": number}
    dialect = connection.dialect.name
    # The heartbeat's row first: nobody else waits for it, and the bot's is then held for a shorter time.
    _add(dialect, HEARTBEAT_DAY, timed).run(connection, {**values, "heartbeat_id": heartbeat.id})
    of_bot = {"bot_id": heartbeat.bot_id, "type": heartbeat.type}
    own = {name: value - sum(other.get(name, 0) for other in of_others.values()) for name, value in added.items()}
    # In one order, so that two runs that fell back from each other's model do not wait for each other.
    for name, share in sorted({**of_others, model: {**values, **own}}.items()):
        of_model = {**NOTHING, "day": values["day"], "durations": "{}", **share, "model": name}
        _add(dialect, ROLLUP, timed and name == model).run(connection, {**of_bot, **of_model})


# Built once: putting such a statement together costs more than running it.
@cache
def _add(dialect: str, table: Table, timed: bool) -> Prepared:
    """Insert the numbers of a day, or add them to those that it has."""
    statement = insert_in(dialect, table)
    added: dict[str, Any] = {name: table.c[name] + statement.excluded[name] for name in SUMS}
    if timed:
        added["durations"] = _counted(dialect, table.c.durations)
    return Prepared(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=added))


def _counted(dialect: str, durations: Column[str]) -> Any:
    """The histogram with one more run in the bucket `:bucket`."""
    number = bindparam("bucket", type_=Text)
    if dialect == "sqlite":
        path = '$."' + number + '"'
        return func.json_set(durations, path, func.coalesce(func.json_extract(durations, path), 0) + 1)
    histogram = cast(durations, postgresql.JSONB)
    count = func.coalesce(cast(histogram.op("->>")(number), Integer), 0) + 1
    return cast(func.jsonb_set(histogram, postgresql.array([number]), func.to_jsonb(count)), Text)
