"""The time of the database, which all processes share."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from heartbeat.domain.clock import Clock, offset, utc_now


def database_time(connection: Connection) -> datetime:
    """Return the database's time. A SQLite file has no clock but that of its machine."""
    if connection.dialect.name == "sqlite":
        return utc_now()
    time: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return time.astimezone(UTC)


def database_offset(connection: Connection, own: Clock) -> timedelta:
    """How far the database's clock is ahead of `own`."""
    # The first statement of a transaction takes longer.
    database_time(connection)
    before = own()
    time = database_time(connection)
    return offset(before, time, own())
