"""The columns of a heartbeat's state are written in one file: every statement of the source is looked at."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat.store.heartbeats import states

ROOT = Path(states.__file__).parents[3]
PLACES = ("heartbeat", "api", "workflows", "activities", "worker.py")
SOURCES = [path for place in PLACES for path in sorted((ROOT / place).rglob("*.py") or [ROOT / place])]
OTHERS = [path for path in SOURCES if path != Path(states.__file__) and "migrations" not in path.parts]

# The one name of the table in statements, which `test_the_table_has_one_name` holds.
TABLE = "HEARTBEAT"
WRITERS = {"insert", "insert_once", "update", "delete"}


def chain(call: ast.Call) -> Iterator[ast.Call]:
    """`a(…).b(…).c(…)` from its last call to its first."""
    node: ast.expr = call
    while isinstance(node, ast.Call):
        yield node
        node = node.func.value if isinstance(node.func, ast.Attribute) else node.func


def written_table(call: ast.Call) -> str | None:
    """The table that a call begins to write to: `update(TABLE)`, `insert(connection, TABLE)` or `TABLE.insert()`."""
    match call.func:
        case ast.Name(id=name) if name in WRITERS:
            return next((arg.id for arg in call.args if isinstance(arg, ast.Name) and arg.id.isupper()), None)
        case ast.Attribute(value=ast.Name(id=table), attr=name) if name in WRITERS and table.isupper():
            return table
        case _:
            return None


def names_of(values: ast.Call) -> set[str | None]:
    """The columns that `.values(…)` names; `None` stands for what cannot be read from the source."""
    names = {keyword.arg for keyword in values.keywords}
    for argument in values.args:
        keys = argument.keys if isinstance(argument, ast.Dict) else [None]
        names |= {key.value if isinstance(key, ast.Constant) else None for key in keys}
    return names


def violations(source: str) -> list[str]:
    """Statements of a file that write a state's column, or that do not say which columns they write."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    inner = {id(part) for call in calls for part in list(chain(call))[1:]}
    statements = []
    for call in (call for call in calls if id(call) not in inner):
        parts = list(chain(call))
        values = [part for part in parts if isinstance(part.func, ast.Attribute) and part.func.attr == "values"]
        values = [part for part in values if part.args or part.keywords]
        table = written_table(parts[-1])
        if table is None and values:
            # A statement that was begun elsewhere: of which table cannot be told.
            names = {name for part in values for name in names_of(part)}
            if names & states.COLUMNS or (None in names and TABLE in source):
                statements.append(ast.unparse(call))
        elif table == TABLE:
            names = {name for part in values for name in names_of(part)}
            if not names or None in names or names & states.COLUMNS:
                statements.append(ast.unparse(call))
    return statements


def test_nobody_else_writes_a_state() -> None:
    assert {path: statements for path in OTHERS if (statements := violations(path.read_text()))} == {}


def test_the_table_has_one_name() -> None:
    for path in OTHERS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and "columns(Heartbeat)" in ast.unparse(node.value):
                names, tables = [
                    part.elts if isinstance(part, ast.Tuple) else [part] for part in (node.targets[0], node.value)
                ]
                pairs = zip(map(ast.unparse, names), map(ast.unparse, tables), strict=True)
                assert {name for name, table in pairs if table == "columns(Heartbeat)"} == {TABLE}, path


def test_no_sql_text_writes_heartbeats() -> None:
    for path in OTHERS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = " ".join(node.value.lower().split())
                assert not re.search("(update|insert into) heartbeat\\b", text), f"{path}:{node.lineno}"


@pytest.mark.parametrize(
    "statement",
    [
        "update(HEARTBEAT).where(x).values(enabled=False)",
        "update(HEARTBEAT).values({'label': None, 'deleted_at': now}).returning(HEARTBEAT)",
        "update(HEARTBEAT).values(changes)",
        "update(HEARTBEAT).values(**changes)",
        "update(HEARTBEAT).values({**changes})",
        "connection.execute(update(HEARTBEAT).where(x), changes)",
        "connection.execute(HEARTBEAT.insert(), row)",
        "insert(connection, HEARTBEAT).values(row)",
        "COUNT.values(probes=0)",
        "HEARTBEAT; COUNT.values(changes)",
    ],
)
def test_what_writes_a_state_is_found(statement: str) -> None:
    assert violations(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "update(HEARTBEAT).where(x).values(label=None)",
        "update(BOT).values(deleted_at=now)",
        "connection.execute(insert_once(dialect, RUN), row)",
        "COUNT.values(success_count=HEARTBEAT.c.success_count + 1)",
        "settings.values()",
    ],
)
def test_what_writes_no_state_is_left_alone(statement: str) -> None:
    assert violations(statement) == []
