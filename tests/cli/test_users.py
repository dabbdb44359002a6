"""`heartbeat user …`."""

import json
import re
from contextlib import closing
from datetime import UTC, datetime

import pytest

from heartbeat.store.database.database import Database
from heartbeat.store.users.invitations import accept_as_new
from heartbeat.store.users.passwords import user_of_reset
from heartbeat.store.users.second_factor import turn_on
from heartbeat.store.users.users import user_by_id
from tests.support.commands import Outcome, Run

TOKEN = re.compile(r"\?token=([\w-]{43})$")


@pytest.fixture
def project(database_url: str, heartbeat: Run, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project in the database that the commands will use."""
    monkeypatch.setenv("HEARTBEAT_DATABASE_URL", database_url)
    return str(json.loads(heartbeat("project", "create", "Acme", "--json").out)["project"])


def token_in(printed: Outcome) -> str:
    assert (printed.code, printed.err) == (0, "")
    [token] = TOKEN.findall(json.loads(printed.out)["link"])
    return str(token)


def test_a_person_is_invited_listed_promoted_and_removed(heartbeat: Run, database_url: str, project: str) -> None:
    token = token_in(heartbeat("user", "invite", "Ada@example.com", "--project", project, "--role=editor", "--json"))
    with closing(Database(database_url)) as database:
        user = database.write_now(accept_as_new, token, "Ada", "hash", datetime.now(UTC))
    listed = {"email": "ada@example.com", "name": "Ada", "project": project, "role": "editor", "id": user.uuid}
    assert json.loads(heartbeat("user", "list", "--json").out) == [listed]
    assert heartbeat("user", "role", "ada@example.com", "admin").code == 0
    assert json.loads(heartbeat("user", "list", "--json").out) == [listed | {"role": "admin"}]
    refused = heartbeat("user", "remove", "ada@example.com", "--project", project)
    assert (refused.code, "last admin" in refused.err) == (1, True)
    refused = heartbeat("user", "remove", "ada@example.com")
    assert (refused.code, f"last admin of Acme ({project})" in refused.err, "--force" in refused.err) == (1, True, True)
    assert json.loads(heartbeat("user", "list", "--json").out) == [listed | {"role": "admin"}]
    assert heartbeat("user", "remove", "ada@example.com", "--force").code == 0
    assert json.loads(heartbeat("user", "list", "--json").out) == []
    assert heartbeat("user", "reset-password", "ada@example.com").code == 1


def test_a_link_to_another_password(heartbeat: Run, database_url: str, project: str) -> None:
    token = token_in(heartbeat("user", "invite", "ada@example.com", "--json"))
    with closing(Database(database_url)) as database:
        user = database.write_now(accept_as_new, token, "Ada", "hash", datetime.now(UTC))
        reset = token_in(heartbeat("user", "reset-password", "ada@example.com", "--json"))
        assert database.read_now(user_of_reset, reset, datetime.now(UTC)).id == user.id


def test_a_lost_second_factor_is_turned_off(heartbeat: Run, database_url: str, project: str) -> None:
    token = token_in(heartbeat("user", "invite", "ada@example.com", "--json"))
    with closing(Database(database_url)) as database:
        user = database.write_now(accept_as_new, token, "Ada", "hash", datetime.now(UTC))
        database.write_now(turn_on, user.id, "sealed", 1, ["AAAA"])
        assert heartbeat("user", "reset-second-factor", "Ada@example.com").code == 0
        left = database.read_now(user_by_id, user.id)
        assert left is not None
        assert left.sealed_totp_secret is None


def test_the_link_leads_to_where_people_find_the_dashboard(heartbeat: Run, project: str) -> None:
    said = heartbeat("user", "invite", "ada@example.com", HEARTBEAT_PUBLIC_URL="https://beat.example/")
    assert "https://beat.example/join?token=" in said.out
    for arguments in (("not an address",), ("ada@example.com", "--role=owner")):
        refused = heartbeat("user", "invite", *arguments)
        assert (refused.code, refused.out) == (1, "")
