"""`heartbeat export logs`: every log once, with what belongs to it, and on from where it was broken off."""

import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from heartbeat.store.database.database import Database
from heartbeat.store.retention import export
from tests.support.commands import Run
from tests.support.past_runs import a_call, a_run, a_step, an_attempt
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project

HOUR = timedelta(hours=1)


def seed(connection: Connection) -> list[str]:
    """Two projects, of which the first has two bots; returns the log ids in the order of their bots."""
    runs = []
    acme, other = a_project(connection, uuid="acme"), a_project(connection, uuid="other")
    for project, hours in ((acme, (0, 1, 2)), (acme, (3,)), (other, (4,))):
        heartbeat = a_heartbeat(connection, a_bot(connection, project))
        for hour in hours:
            ended = NOW + hour * HOUR
            runs.append(a_run(connection, heartbeat, created_at=ended, finished_at=ended, prompt="Grüße"))
        a_run(connection, heartbeat, "running", created_at=NOW)
    a_step(connection, runs[0], 1, answer="All quiet.")
    a_call(connection, runs[0], 2)
    an_attempt(connection, runs[0], 1)
    return runs


@pytest.fixture
def runs(database_url: str, heartbeat: Run, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("HEARTBEAT_DATABASE_URL", database_url)
    monkeypatch.setattr(export, "BATCH_SIZE", 2)
    monkeypatch.setattr(export, "WINDOW", export.WINDOW.limit(2))
    with closing(Database(database_url)) as database:
        return database.write_now(seed)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def uuids(text: str) -> list[str]:
    return [line["uuid"] for line in lines(text)]


def test_every_log_is_a_line(runs: list[str], heartbeat: Run) -> None:
    outcome = heartbeat("export", "logs")
    assert (outcome.code, outcome.err) == (0, "")
    assert uuids(outcome.out) == runs
    first, second, *_ = lines(outcome.out)
    assert (first["project"], first["prompt"], first["status"]) == ("acme", "Grüße", "success")
    assert [step["answer"] for step in first["steps"]] == ["All quiet.", ""]
    assert [request["input_tokens"] for request in first["requests"]] == [1000]
    assert (second["steps"], second["finished_at"]) == ([], (NOW + HOUR).isoformat())
    assert not {"id", "project_id", "heartbeat_id"} & {*first}


def test_some_are_chosen(runs: list[str], heartbeat: Run) -> None:
    since, until = (f"{NOW + hours * HOUR:%Y-%m-%dT%H:%M}" for hours in (1, 3))
    assert uuids(heartbeat("export", "logs", "--project=other").out) == runs[4:]
    assert uuids(heartbeat("export", "logs", f"--since={since}", f"--until={until}").out) == runs[1:3]
    position = lines(heartbeat("export", "logs").out)[1]["position"]
    assert uuids(heartbeat("export", "logs", f"--after={position}").out) == runs[2:]
    for wrong in ("--since=monday", "--after=12"):
        assert heartbeat("export", "logs", wrong).code == 2


def test_a_file_goes_on_where_it_ends(runs: list[str], heartbeat: Run, tmp_path: Path) -> None:
    path = tmp_path / "logs.jsonl"
    assert heartbeat("export", "logs", f"--output={path}").code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    whole = path.read_bytes()
    assert uuids(whole.decode()) == runs
    # As a kill leaves it: in the middle of a line.
    path.write_bytes(whole[: whole.index(b"\n") + 40])
    assert heartbeat("export", "logs", f"--output={path}").code == 0
    assert path.read_bytes() == whole
    assert "0 logs were added" in heartbeat("export", "logs", f"--output={path}").err
    again = heartbeat("export", "logs", f"--output={path}", f"--after={lines(whole.decode())[-2]['position']}")
    assert uuids(again.out + path.read_text()) == [*runs, runs[-1]]


def test_a_file_that_is_no_export_stays_as_it_is(runs: list[str], heartbeat: Run, tmp_path: Path) -> None:
    path = tmp_path / "diary"
    for words in ("a diary\n", "a diary", "a\ndiary", '{"position": "1-1"}\na diary', '{"text": "a"}\n'):
        path.write_text(words)
        assert heartbeat("export", "logs", f"--output={path}").code == 2
        assert path.read_text() == words
