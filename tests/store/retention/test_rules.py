"""Every table has a rule that says how long its rows are kept, and the documentation shows it."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Column, Table, UniqueConstraint
from sqlmodel import SQLModel

from heartbeat.store.database.rows import columns
from heartbeat.store.retention.rules import RULES, Stays, With
from heartbeat.store.tables.projects import SignInLink

PAGE = Path(__file__).parents[3] / "docs" / "retention.md"


def test_every_table_has_a_rule() -> None:
    """What is written without end fills every disk: whoever adds a table says what becomes of its rows."""
    assert {columns(table).name for table in RULES} == set(SQLModel.metadata.tables)


@pytest.mark.parametrize("table", [table for table, rule in RULES.items() if isinstance(rule, With)])
def test_rows_go_with_rows_that_they_refer_to(table: type[SQLModel]) -> None:
    rule = RULES[table]
    assert isinstance(rule, With)
    assert columns(rule.owner) in {key.column.table for key in columns(table).foreign_keys}


def test_what_refers_to_rows_that_are_removed_is_found_by_an_index() -> None:
    """Both databases look for it before they remove a row, and else read the whole table each time."""
    removed = {columns(table) for table, rule in RULES.items() if not isinstance(rule, Stays)}
    # Links to sign in are few: they live for minutes.
    tables = [table for table in SQLModel.metadata.sorted_tables if table is not columns(SignInLink)]
    keys = [(table, key) for table in tables for key in table.foreign_keys if key.column.table in removed]
    assert [f"{table.name}.{key.parent.name}" for table, key in keys if key.parent not in _led_by(table)] == []


def _led_by(table: Table) -> set[Column[object]]:
    """The columns that an index of all rows begins with, or of all in which it is set."""
    led = {next(iter(key.columns)) for key in table.constraints if isinstance(key, UniqueConstraint)}
    led.add(next(iter(table.primary_key.columns)))
    for index in table.indexes:
        first, condition = next(iter(index.columns)), index.dialect_options["sqlite"]["where"]
        if condition is None or str(condition) == f"{first.name} IS NOT NULL":
            led.add(first)
    return led


def test_the_rules_are_documented() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE.read_text().partition("## Every table")[2], re.MULTILINE)
    named = re.findall(r"`(\w+)`", " ".join(rows))
    assert sorted(named) == sorted(columns(table).name for table in RULES)
