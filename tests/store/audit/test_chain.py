"""The audit log: written with its change or not at all, and proved to be as it was written."""

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, update

from heartbeat.domain.actors import PRODUCT, Actor, Visit
from heartbeat.domain.ids import new_id
from heartbeat.store.audit.chain import HASHED, entry_hash
from heartbeat.store.audit.recording import ENTRY, HEAD, PROJECT, field_changes, record
from heartbeat.store.audit.verification import prove_chain
from heartbeat.store.database.acting import act_as
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import exactly_one, many
from heartbeat.store.heartbeats.project_holds import NewHold, hold_project, release_project
from heartbeat.store.projects.keys import revoke_key
from heartbeat.store.projects.projects import create_key, set_credit_budget
from heartbeat.store.tables.audit import AuditEntry
from heartbeat.store.tables.projects import Project
from tests.support.seeds import NOW

NEW = ("actor_email", "user_agent", "hash")
NOT_AS_WRITTEN = "entry {} is not as it was written"
ADA = Actor("user", "user_1", "Ada", "ada@example.com", Visit("203.0.113.7", "curl/8.14"))


def bare_project(connection: Connection, name: str = "Acme") -> Project:
    """A project whose chain is empty."""
    row = {"uuid": new_id("proj"), "name": name, "plan": "self_hosted", "period_anchor_day": 1, "created_at": NOW}
    return exactly_one(connection, Project, PROJECT.insert().values(row).returning(PROJECT))


@pytest.fixture
def project(database: Database) -> Project:
    return database.write_now(bare_project)


def change(connection: Connection, project: Project, number: int) -> None:
    act_as(connection, ADA)
    record(connection, project.id, "thing.update", f"thing_{number}", "Größe", {"size": [number, None]})


def entries(database: Database) -> list[AuditEntry]:
    return database.read_now(many, AuditEntry, select(ENTRY).order_by(ENTRY.c.project_id, ENTRY.c.number))


def problem(database: Database, project: Project) -> str:
    return database.read_now(prove_chain, project.id).problem


def test_an_entry_says_who_did_what_and_the_chain_holds(database: Database, project: Project) -> None:
    for number in range(3):
        database.write_now(change, project, number)
    proof = database.read_now(prove_chain, project.id)
    last = entries(database)[-1]
    assert (proof.entries, proof.number, proof.hash, proof.problem) == (3, 3, last.hash, "")
    assert (last.actor_kind, last.actor_id, last.actor_name) == ("user", "user_1", "Ada")
    assert (last.actor_email, last.address, last.user_agent) == ("ada@example.com", "203.0.113.7", "curl/8.14")
    assert (last.action, last.object_id, last.object_name, last.changes) == (
        "thing.update",
        "thing_2",
        "Größe",
        {"size": [2, None]},
    )


def test_a_project_without_entries_is_well(database: Database, project: Project) -> None:
    assert database.read_now(prove_chain, project.id).problem == ""


def test_what_is_rolled_back_leaves_no_entry_here_nor_in_the_next_change(database: Database, project: Project) -> None:
    def fail(connection: Connection) -> None:
        change(connection, project, 1)
        raise RuntimeError

    for _ in range(3):
        with pytest.raises(RuntimeError):
            database.write_now(fail)
    database.write_now(lambda connection: record(connection, project.id, "a.b", "a_1"))
    (entry,) = entries(database)
    assert (entry.action, entry.actor_kind, entry.number) == ("a.b", PRODUCT.kind, 1)


def test_a_database_says_who_acts_where_nobody_else_does(database_url: str, project: Project) -> None:
    shell = Database(database_url, actor=Actor("shell", name="ada"))
    shell.write_now(set_credit_budget, project, 100)
    (entry,) = entries(shell)
    shell.close()
    assert (entry.actor_kind, entry.actor_name) == ("shell", "ada")
    assert (entry.action, entry.changes) == ("project.update", {"credit_budget": [None, 100]})


def test_entries_of_before_who_came_was_kept_are_proved_as_they_were_written(
    database: Database, project: Project
) -> None:
    """Their hashes are of twelve fields; those that were added later are null, and whoever fills them is found out."""
    database.write_now(change, project, 1)
    old = {**vars(entries(database)[0]), "actor_email": None, "user_agent": None}
    written = old | {"hash": entry_hash("", old)}
    twelve = {name: old[name] for name in HASHED} | {"previous": "", "at": old["at"].isoformat(timespec="microseconds")}
    text = json.dumps(twelve, sort_keys=True, separators=(",", ":"))
    assert written["hash"] == sha256(text.encode()).hexdigest()
    database.write_now(lambda c: c.execute(update(ENTRY).values({ENTRY.c[name]: written[name] for name in NEW})))
    database.write_now(lambda c: c.execute(update(HEAD).values(hash=written["hash"])))
    database.write_now(change, project, 2)
    assert (problem(database, project), database.read_now(prove_chain, project.id).entries) == ("", 2)
    database.write_now(lambda c: c.execute(update(ENTRY).where(ENTRY.c.number == 1).values(user_agent="")))
    assert problem(database, project) == "entry 1 is not as it was written"


TAMPERINGS: dict[str, tuple[Any, str]] = {
    "changed": (update(ENTRY).where(ENTRY.c.number == 2).values(actor_name="Eve"), NOT_AS_WRITTEN.format(2)),
    "changed values": (
        update(ENTRY).where(ENTRY.c.number == 2).values(changes={"size": [2, 3]}),
        "entry 2 is not as it was written",
    ),
    "another program": (update(ENTRY).where(ENTRY.c.number == 2).values(user_agent="?"), NOT_AS_WRITTEN.format(2)),
    "made older": (update(ENTRY).where(ENTRY.c.number == 2).values(user_agent=None), NOT_AS_WRITTEN.format(2)),
    "deleted": (delete(ENTRY).where(ENTRY.c.number == 2), "after entry 1 comes entry 3"),
    "cut off": (delete(ENTRY).where(ENTRY.c.number > 2), "it ends with entry 2, and should with entry 4"),
    "emptied": (delete(ENTRY), "it ends with entry 0, and should with entry 4"),
    "begun later": (delete(ENTRY).where(ENTRY.c.number == 1), "after entry 0 comes entry 2"),
    "swapped": (
        update(ENTRY).where(ENTRY.c.number == 3).values(hash="0" * 64),
        "entry 3 is not as it was written",
    ),
    "head moved": (update(HEAD).values(number=3), "it ends with entry 4, and should with entry 3"),
}


@pytest.mark.parametrize("way", TAMPERINGS)
def test_who_tampers_is_found_out(database: Database, project: Project, way: str) -> None:
    for number in range(4):
        database.write_now(change, project, number)
    statement, said = TAMPERINGS[way]
    database.write_now(lambda connection: connection.execute(statement))
    assert problem(database, project) == said


def test_who_puts_an_entry_in_is_found_out(database: Database, project: Project) -> None:
    database.write_now(change, project, 1)
    (entry,) = entries(database)
    forged = {**entry.__dict__, "number": 2, "action": "key.create"}
    database.write_now(lambda connection: connection.execute(ENTRY.insert().values(forged)))
    assert problem(database, project) == "entry 2 is not as it was written"


def test_many_who_write_at_once_make_one_chain(database: Database, project: Project) -> None:
    other = database.write_now(bare_project, "Umbrella")

    def both(number: int) -> None:
        def write(connection: Connection) -> None:
            for one in (project, other) if number % 2 else (other, project):
                change(connection, one, number)

        database.write_now(write)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(both, range(40)))
    for one in (project, other):
        proof = database.read_now(prove_chain, one.id)
        assert (proof.entries, proof.problem) == (40, "")


def test_keys_and_holds_are_recorded_once_and_without_the_key(database: Database, project: Project) -> None:
    key = database.write_now(create_key, project, "CI", NOW)
    for _ in range(2):
        database.write_now(revoke_key, project, key.uuid, NOW)
    database.write_now(hold_project, project, NewHold("Moving"), "Ada", NOW)
    for _ in range(2):
        database.write_now(release_project, project, NOW)
    database.write_now(set_credit_budget, project, None)
    actions = [entry.action for entry in entries(database)]
    assert actions == ["key.create", "key.revoke", "project.hold", "project.release"]
    assert key.secret not in str([entry.__dict__ for entry in entries(database)])
    assert problem(database, project) == ""


def test_an_update_that_changed_nothing_is_not_recorded(database: Database, project: Project) -> None:
    def update_twice(connection: Connection) -> None:
        for after in ("Desk", "Front desk"):
            record(
                connection, project.id, "bot.update", "bot_1", "Desk", field_changes({"name": "Desk"}, {"name": after})
            )
        record(connection, project.id, "bot.delete", "bot_1")

    database.write_now(update_twice)
    assert [entry.changes for entry in entries(database)] == [{"name": ["Desk", "Front desk"]}, {}]


def test_of_a_secret_is_only_said_that_it_changed() -> None:
    changes = field_changes({"a": 1, "b": 2, "c": "old"}, {"a": 1, "b": 3, "c": "new"}, frozenset({"c"}))
    assert changes == {"b": [2, 3], "c": "changed"}
