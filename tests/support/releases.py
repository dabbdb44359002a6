"""What was released: the versions of CHANGELOG.md, and what each left behind (`tests/releases/record.py`)."""

import json
import re
import sqlite3
import tarfile
from pathlib import Path
from typing import Any

RELEASES = Path(__file__).parents[1] / "releases"
# The last migration of each, and the commit that it was made of.
REVISIONS = {"0.1.0": "0007", "0.2.0": "0008"}
COMMITS = {"0.1.0": "ddc6cdb", "0.2.0": "f6b59ab"}


def archive(version: str) -> Path:
    return RELEASES / f"{version}.tar.xz"


def unpack(version: str, directory: Path) -> dict[str, Any]:
    """Put a version's data directory there, and return what is to be known of what is in it."""
    with tarfile.open(archive(version)) as packed:
        packed.extractall(directory, filter="data")
    facts: dict[str, Any] = json.loads((directory / "facts.json").read_text())
    return facts


def tables(database: Path) -> dict[str, list[str]]:
    """The words of the statements that made what is in a SQLite file: in which order they are differs each time."""
    connection = sqlite3.connect(database)
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
    made = {name: sorted(re.findall(r"\w+", statement)) for name, statement in rows}
    connection.close()
    return made
