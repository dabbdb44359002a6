"""How many there are of everything: what is open always anew, all heartbeats only now and then."""

from dataclasses import replace
from math import inf

from sqlalchemy import Connection

from heartbeat.store.database.database import Database
from heartbeat.store.overview.counts import counts
from tests.support.past_runs import a_run
from tests.support.seeds import a_bot, a_heartbeat, a_project


async def test_heartbeats_are_counted_anew_when_that_takes_little_of_the_time(database: Database) -> None:
    def another(connection: Connection) -> None:
        heartbeat = a_heartbeat(connection, a_bot(connection, a_project(connection)))
        a_run(connection, heartbeat, "success")
        a_run(connection, heartbeat, "running")

    await database.write(another)
    first = await database.read(counts)
    await database.write(another)
    of_late = await database.read(counts, replace(first.tally, until=inf))
    assert (of_late.tally, of_late.running) == (first.tally, 2)
    anew = await database.read(counts, replace(first.tally, until=0))
    assert (first.tally.runs["success"], anew.tally.runs["success"]) == (1, 2)
