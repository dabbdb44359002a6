"""What a migration may not do to a PostgreSQL that the product is at work on, and what the version before relies on."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

VOLATILE = r"random|uuid|clock_timestamp|nextval"
# What would hold up everybody for as long as a table is large, and what to do instead.
LONG_LOCKS = {
    r"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)": "build it with store.online_indexes",
    r"ALTER TABLE .* ADD COLUMN (?!.* DEFAULT ).* NOT NULL": "give it a server_default",
    rf"ALTER TABLE .* ADD COLUMN .* DEFAULT .*({VOLATILE})": "give it a constant default",
    r"ALTER TABLE .* ALTER COLUMN .* TYPE ": "add a column beside it, and write both",
    r"ALTER TABLE .* SET NOT NULL": "add a CHECK constraint as NOT VALID, and validate it",
    r"ALTER TABLE .* ADD (CONSTRAINT .*)?(CHECK|FOREIGN KEY)\b(?!.* NOT VALID)": "add it as NOT VALID, and validate it",
    r"ALTER TABLE .* ADD (CONSTRAINT .*)?(UNIQUE|PRIMARY KEY)\b(?!.* USING INDEX)": "build its index first",
    r"(UPDATE|DELETE FROM) ": "leave the rows to Upkeep, so many at a time",
    r"INSERT INTO .* SELECT ": "leave the rows to Upkeep, so many at a time",
    r"LOCK TABLE |CLUSTER |VACUUM FULL |REFRESH MATERIALIZED VIEW (?!CONCURRENTLY)": "there is no need",
}
TABLE = re.compile(r"\b(?:TABLE|ON|INTO|UPDATE|FROM)\s+(?:ONLY\s+|IF\s+(?:NOT\s+)?EXISTS\s+)*\"?(\w+)")
COLUMNS = """
    SELECT table_name, column_name, udt_name, is_nullable = 'YES', column_default IS NOT NULL OR is_identity = 'YES'
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name NOT IN ('alembic_version', 'schema_compatibility')
"""
UNIQUE = """
    SELECT indrelid::regclass::text,
        array(SELECT attname::text FROM pg_attribute WHERE attrelid = indrelid AND attnum = ANY (indkey))
    FROM pg_index JOIN pg_class ON oid = indrelid WHERE indisunique AND relnamespace = 'public'::regnamespace
"""
CHECKS = """
    SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'c' AND connamespace = 'public'::regnamespace
"""


class Column(NamedTuple):
    type: str
    nullable: bool
    has_default: bool


class Shape(NamedTuple):
    """What statements of the product rely on, by table."""

    columns: dict[str, dict[str, Column]]
    unique: dict[str, set[frozenset[str]]]
    checks: dict[str, set[str]]


def shape(connection: Connection) -> Shape:
    columns: dict[str, dict[str, Column]] = {}
    for table, name, *rest in connection.exec_driver_sql(COLUMNS):
        columns.setdefault(table, {})[name] = Column(*rest)
    unique, checks = ({table: set() for table in columns} for _ in range(2))
    for table, names in connection.exec_driver_sql(UNIQUE):
        unique.setdefault(table, set()).add(frozenset(names))
    for table, definition in connection.exec_driver_sql(CHECKS):
        checks.setdefault(table, set()).add(definition)
    return Shape(columns, unique, checks)


def long_locks(sent: Iterable[str]) -> list[str]:
    """Return what takes a long lock, and what to do instead. What is done to a table that is made here is let be."""
    new, problems = {"alembic_version", "schema_compatibility"}, []
    for statement in (" ".join(one.split()) for one in sent):
        table = TABLE.search(statement)
        name = table.group(1) if table else ""
        if statement.startswith("CREATE TABLE"):
            new.add(name)
        elif name not in new:
            wrong = (advice for pattern, advice in LONG_LOCKS.items() if re.match(pattern, statement, re.IGNORECASE))
            problems += [f"{statement[:120]}: {advice}" for advice in wrong]
    return problems


def breaks(before: Shape, after: Shape) -> list[str]:
    """Return what of the schema before the statements of the version before would miss, or be refused for."""
    problems = []
    for table, columns in before.columns.items():
        now = after.columns.get(table, {})
        lost = (name for name, column in columns.items() if not _serves(column, now.get(name)))
        problems += [f"{table}.{name} is gone or another" for name in lost]
        added = {name: column for name, column in now.items() if name not in columns}
        problems += [f"{table}.{name} must be given" for name, column in added.items() if not any(column[1:])]
        empty = {name for name, column in added.items() if column.nullable}
        for key in after.unique.get(table, set()):
            if not (key & empty or any(key >= known for known in before.unique[table])):
                problems.append(f"{table}: {', '.join(sorted(key))} must be unique")
        problems += [f"{table}: {check}" for check in after.checks.get(table, set()) - before.checks[table]]
    return problems


def _serves(before: Column, after: Column | None) -> bool:
    if after is None or after.type != before.type:
        return False
    return (after.nullable or not before.nullable) and (after.has_default or not before.has_default)
