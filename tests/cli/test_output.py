"""What commands print, on a terminal and elsewhere."""

import json

import pytest

from heartbeat.cli.output import print_rows
from heartbeat.cli.reconcile import unknown
from heartbeat.cli.replay_view import print_comparison
from heartbeat.store.runs.restored import Settled

COLUMNS, ROWS = ["name", "runs"], [["a", 1], ["[b]b\u202eb", None]]
CALL = {"tool": "desk__book", "arguments": {"what": "a plumber"}, "recorded": False}
COLUMN = {"model": "openai:m", "prompt": "Look.", "ended": "success", "answer": "[Quiet]", "calls": [CALL]}
COLUMN |= {"steps": 2, "tokens": 120, "credits": 1, "price": "0.10 EUR"}


def test_rows_have_tabs_where_a_program_reads(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(COLUMNS, ROWS, as_json=False)
    assert capsys.readouterr().out == "a\t1\n[b]b\u202eb\t\n"
    print_rows(COLUMNS, ROWS, as_json=True)
    assert json.loads(capsys.readouterr().out)[0] == {"name": "a", "runs": 1}


def test_rows_are_a_table_on_a_terminal_and_turn_no_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_rows(COLUMNS, ROWS, as_json=False)
    printed = capsys.readouterr().out
    assert "name" in printed
    assert "[b]b[U+202E]b" in printed


@pytest.mark.parametrize("terminal", ["", "1"])
def test_a_replay_stands_beside_its_run(
    terminal: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    print_comparison({"original": COLUMN, "replay": {**COLUMN, "calls": []}})
    printed = capsys.readouterr().out
    for words in ("[Quiet]", "(not in the recording)", "none", "0.10 EUR", "Nothing but the model was called"):
        assert words in printed


def test_a_replay_has_no_price_where_none_is_set(capsys: pytest.CaptureFixture[str]) -> None:
    free = {**COLUMN, "price": None}
    print_comparison({"original": free, "replay": free})
    assert "price" not in capsys.readouterr().out


def test_what_nobody_can_know_after_a_restore_is_counted() -> None:
    assert len(unknown(Settled(0, 0, 0))) == 2
    _, _, *lines = unknown(Settled(0, 2, 3))
    assert [line.partition(".")[0] for line in lines] == [
        "Runs that wait for a person: 2",
        "Messages that were on their way: 3",
    ]
