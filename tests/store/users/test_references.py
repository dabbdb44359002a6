"""Who started a run by hand, as its log names them: told by an id that crosses Temporal."""

from dataclasses import replace

from sqlalchemy import Connection, select

from heartbeat.domain.actors import Actor
from heartbeat.domain.failure_policy import Ending
from heartbeat.store.database.database import Database
from heartbeat.store.projects.keys import revoke_key
from heartbeat.store.projects.projects import create_key
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.opening import open_run
from heartbeat.store.runs.runs import RUN, name_canceller
from heartbeat.store.users.memberships import remove_user
from heartbeat.store.users.references import words_of
from heartbeat.store.users.users import actor_of_user, create_user
from tests.support.runs import LIMITS, by_hand
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, access_to


def test_a_name_stands_also_after_its_key_or_its_person_went(database: Database) -> None:
    def named(connection: Connection) -> list[str]:
        project = a_project(connection)
        key = create_key(connection, project, "CI", NOW)
        ada = create_user(connection, "ada@example.com", "the key CI", NOW)
        assert ada is not None
        revoke_key(connection, project, key.uuid, NOW)
        remove_user(connection, ada, NOW)
        actors = [Actor("key", key.uuid, "CI"), actor_of_user(ada), Actor("shell", name="root")]
        return [words_of(connection, actor.reference) for actor in actors]

    said = database.write_now(named)
    assert said == ["the key CI", "ada@example.com (the key CI)", "root at the command line"]


def test_a_run_names_who_started_it_and_who_cancels_it_while_it_goes(database: Database) -> None:
    def names(connection: Connection) -> list[tuple[str | None, str | None]]:
        bot = a_bot(connection, a_project(connection))
        heartbeat, access = a_heartbeat(connection, bot), access_to(connection, bot)
        for number, who in enumerate(("root at the command line", None)):
            claim = replace(by_hand(heartbeat, f"log_{number}"), triggered_by=who)
            open_run(connection, claim, LIMITS, NOW)
        close_run(connection, "log_1", Ending("success"), NOW)
        name_canceller(connection, access, ["log_0", "log_1"])
        name_canceller(
            connection, access_to(connection, a_bot(connection, a_project(connection, name="Rival"))), ["log_0"]
        )
        chosen = select(RUN.c.triggered_by, RUN.c.cancelled_by).order_by(RUN.c.id)
        return [(row[0], row[1]) for row in connection.execute(chosen)]

    assert database.write_now(names) == [("root at the command line", "Heartbeat itself"), (None, None)]
