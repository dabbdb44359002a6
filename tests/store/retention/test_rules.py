"""Every table has a rule that says how long its rows are kept, and the documentation shows it."""

import re
from pathlib import Path

import pytest
from sqlmodel import SQLModel

from heartbeat.store.retention.rules import RULES, With
from heartbeat.store.rows import columns

PAGE = Path(__file__).parents[3] / "docs" / "retention.md"


def test_every_table_has_a_rule() -> None:
    """What is written without end fills every disk: whoever adds a table says what becomes of its rows."""
    assert {columns(table).name for table in RULES} == set(SQLModel.metadata.tables)


@pytest.mark.parametrize("table", [table for table, rule in RULES.items() if isinstance(rule, With)])
def test_rows_go_with_rows_that_they_refer_to(table: type[SQLModel]) -> None:
    rule = RULES[table]
    assert isinstance(rule, With)
    assert columns(rule.owner) in {key.column.table for key in columns(table).foreign_keys}


def test_the_rules_are_documented() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE.read_text().partition("## Every table")[2], re.MULTILINE)
    named = re.findall(r"`(\w+)`", " ".join(rows))
    assert sorted(named) == sorted(columns(table).name for table in RULES)
