"""`heartbeat migrate`, `heartbeat project …` and `heartbeat key …`."""

import json
import re
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from heartbeat.domain.secret_keys import new_key, read_keys
from heartbeat.secrets.key_hashes import KeyHashes
from heartbeat.store.database.database import Database
from heartbeat.store.projects.projects import project_of_key
from tests.support.commands import Run


@pytest.fixture
def empty(database_url: str, heartbeat: Run, monkeypatch: pytest.MonkeyPatch) -> str:
    """A migrated database without a project, which the commands will use."""
    monkeypatch.setenv("HEARTBEAT_DATABASE_URL", database_url)
    return database_url


def owner(url: str, secret: str) -> str | None:
    with closing(Database(url)) as database:
        row = database.read_now(project_of_key, KeyHashes().all(secret), datetime.now(UTC))
    return row.uuid if row else None


def test_migrate_makes_a_database_and_may_be_repeated(heartbeat: Run, tmp_path: Path) -> None:
    data = str(tmp_path / "new" / "data")
    for _ in range(2):
        done = heartbeat("migrate", HEARTBEAT_DATA_DIR=data)
        assert (done.code, done.err) == (0, "")
        assert re.fullmatch(r"The database is at revision \w+\.\n", done.out)


def test_migrate_makes_the_project_and_key_of_the_settings_once(empty: str, heartbeat: Run) -> None:
    named = {"HEARTBEAT_PROJECT_ID": "ops", "HEARTBEAT_API_KEY": "a-key-of-my-own"}
    done = heartbeat("migrate", **named)
    assert (done.code, done.err) == (0, "")
    assert "a-key-of-my-own" not in done.out
    assert owner(empty, "a-key-of-my-own") == "ops"
    again = heartbeat("migrate", HEARTBEAT_PROJECT_ID="other")
    assert (again.code, "other" in again.out) == (0, False)
    assert [row["id"] for row in json.loads(heartbeat("project", "list", "--json").out)] == ["ops"]


def test_migrate_shows_the_key_it_had_to_make_up(empty: str, heartbeat: Run) -> None:
    shown = re.search(r"^key +(hbk_\w+)$", heartbeat("migrate", HEARTBEAT_PROJECT_ID="ops").out, re.MULTILINE)
    assert shown
    assert owner(empty, shown[1]) == "ops"


def test_a_project_its_key_and_the_end_of_the_key(empty: str, heartbeat: Run) -> None:
    project = json.loads(heartbeat("project", "create", "Acme", "--plan=pro", "--anchor-day=15", "--json").out)
    (listed,) = json.loads(heartbeat("project", "list", "--json").out)
    assert listed | {"created": ""} == {
        "id": project["project"],
        "name": "Acme",
        "plan": "pro",
        "anchor_day": 15,
        "created": "",
    }
    key = json.loads(heartbeat("key", "create", "--name=laptop", "--json").out)
    assert owner(empty, key["key"]) == project["project"] == key["project"]

    done = heartbeat("key", "revoke", key["id"])
    assert (done.code, done.out) == (0, f"{key['id']} is revoked.\n")
    assert owner(empty, key["key"]) is None
    (row,) = heartbeat("key", "list").out.splitlines()
    identity, name, begins, scopes, bots, created, expires, revoked, *last_use = row.split("\t")
    assert (identity, name, begins, scopes, bots) == (key["id"], "laptop", key["key"][:8], "admin", "")
    assert created <= revoked
    assert (expires, last_use) == ("", ["", "", ""])


def test_a_key_is_found_whichever_project_has_it(empty: str, heartbeat: Run) -> None:
    ids = [json.loads(heartbeat("project", "create", name, "--json").out)["project"] for name in ("Acme", "Umbrella")]
    keys = [json.loads(heartbeat("key", "create", f"--project={one}", "--json").out) for one in ids]
    for key in keys:
        assert heartbeat("key", "revoke", key["id"]).code == 0
    assert [owner(empty, key["key"]) for key in keys] == [None, None]


def test_a_database_that_is_migrated_can_be_made_smaller(empty: str, heartbeat: Run) -> None:
    compacted = heartbeat("migrate", "--compact")
    assert (compacted.code, compacted.out.startswith("The database is at revision ")) == (0, True)


def test_a_key_with_less_and_another_in_its_place(empty: str, heartbeat: Run) -> None:
    project = json.loads(heartbeat("project", "create", "Acme", "--json").out)["project"]
    made = heartbeat(
        "key", "create", "--may=operator", "--may=write", "--expires-in-days=30", "--requests-per-minute=5", "--json"
    )
    old = json.loads(made.out)
    new = json.loads(heartbeat("key", "rotate", old["id"], "--grace-hours=0", "--json").out)
    assert [owner(empty, key["key"]) for key in (old, new)] == [None, project]
    keys = {row["id"]: row for row in json.loads(heartbeat("key", "list", "--json").out)}
    assert {row["scopes"] for row in keys.values()} == {"read run write approve"}
    assert {row["requests_per_minute"] for row in keys.values()} == {5}
    assert keys[old["id"]]["expires"] == new["old_ends"]
    again = heartbeat("key", "rotate", old["id"])
    assert (again.code, "is over" in again.err) == (1, True)


def test_a_key_is_kept_with_the_secret_key_of_the_settings(empty: str, heartbeat: Run) -> None:
    secret_key = new_key()
    heartbeat("project", "create", "Acme", "--id=ops")
    key = json.loads(heartbeat("key", "create", "--json", HEARTBEAT_SECRET_KEYS=secret_key).out)["key"]
    assert owner(empty, key) is None
    with closing(Database(empty)) as database:
        hashes = KeyHashes(read_keys(secret_key)).all(key)
        assert database.read_now(project_of_key, hashes, datetime.now(UTC)) is not None
    other = new_key()
    rotated = heartbeat("secrets", "rotate", HEARTBEAT_SECRET_KEYS=f"{other},{secret_key}")
    assert (rotated.code, "an older secret key" in rotated.err) == (1, True)


def test_with_several_projects_a_key_needs_one_named(empty: str, heartbeat: Run) -> None:
    for name in ("one", "two"):
        assert heartbeat("project", "create", name, f"--id=proj_{name}").code == 0
    unnamed = heartbeat("key", "create")
    assert (unnamed.code, unnamed.out) == (1, "")
    assert unnamed.err == (
        "heartbeat: There are 2 projects; name one with --project (`heartbeat project list` shows them).\n"
    )
    named = heartbeat("key", "create", "--project=proj_two")
    secret = re.search(r"^key +(\S+)$", named.out, re.M)
    assert secret
    assert owner(empty, secret[1]) == "proj_two"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["project", "create", "A", "--plan=gold"], 2, "there is no plan 'gold'; choose one of self_hosted, free"),
        (["project", "create", "A", "--id=a/b"], 2, "--id may hold 1 to 64 letters, digits"),
        (["project", "create", "A", "--anchor-day=32"], 2, "--anchor-day"),
        (["project", "create"], 2, "Missing argument"),
        (["key", "create"], 1, "There is no project yet; make one with `heartbeat project create NAME`."),
        (["key", "list", "--project=proj_none"], 1, "There is no project 'proj_none' here"),
        (["key", "rotate", "key_none"], 1, "There is no key 'key_none' here"),
        (["key", "create", "--may=owner"], 2, "there is no preset or scope 'owner'; choose of read, run"),
        (["key", "revoke", "key_none"], 1, "There is no key 'key_none' here"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    empty: str, heartbeat: Run, arguments: list[str], code: int, says: str
) -> None:
    done = heartbeat(*arguments)
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert done.err.count("\n") == 1


def test_a_project_id_can_be_used_once(empty: str, heartbeat: Run) -> None:
    assert heartbeat("project", "create", "A", "--id=proj_a").code == 0
    again = heartbeat("project", "create", "B", "--id=proj_a")
    assert (again.code, again.err) == (1, "heartbeat: There is a project 'proj_a' already; choose another --id.\n")


def test_a_database_that_was_never_migrated_is_said_to_be_so(heartbeat: Run, tmp_path: Path) -> None:
    done = heartbeat("project", "list", HEARTBEAT_DATA_DIR=str(tmp_path / "none"))
    assert done.code == 1
    assert done.err.endswith("is not of this version; run `heartbeat migrate`.\n")
    assert not (tmp_path / "none").exists()


def test_a_database_that_cannot_be_reached_is_one_line(heartbeat: Run) -> None:
    done = heartbeat("migrate", HEARTBEAT_DATABASE_URL="postgresql://nobody:secret@127.0.0.1:1/none?connect_timeout=2")
    assert done.code == 1
    assert done.err.startswith("heartbeat: The database cannot be used: ")
    assert done.err.count("\n") == 1
    assert "secret" not in done.err


def test_a_link_to_sign_in_is_printed_while_there_is_a_key(empty: str, heartbeat: Run) -> None:
    project = json.loads(heartbeat("project", "create", "Acme", "--json").out)["project"]
    refused = heartbeat("sign-in")
    assert (refused.code, "heartbeat key create" in refused.err) == (1, True)
    assert heartbeat("key", "create").code == 0
    for arguments in ((), (f"--project={project}",)):
        printed = heartbeat("sign-in", *arguments)
        assert re.fullmatch(r"http://127\.0\.0\.1:8400/sign-in/once\?token=[\w-]{43}\n", printed.out)
    assert heartbeat("sign-in", "--project=proj_x").code == 1
    entries = [json.loads(line) for line in heartbeat("export", "audit").out.splitlines()]
    assert [entry["actor"]["kind"] for entry in entries if entry["action"] == "session.link"] == ["shell", "shell"]
