"""A migration that databases have been through is never edited: another one is added after it."""

import re
from hashlib import sha256
from pathlib import Path

from heartbeat.store.migrations.revisions import MIGRATIONS
from tests.support.releases import RELEASES, REVISIONS

ROOT = Path(__file__).parents[2]
LIST = RELEASES / "migrations.sha256"


def test_no_migration_was_edited() -> None:
    """What is newer than all that are listed may still change; a release lists it."""
    listed = dict(reversed(line.split()) for line in LIST.read_text().splitlines())
    hashes = {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(MIGRATIONS.glob("*.py"))}
    assert list(listed) == list(hashes)[: len(listed)]
    changed = [name for name, digest in listed.items() if hashes[name] != digest]
    assert changed == [], "databases have been through these: leave them as they are, and add a migration"
    assert max(listed) > max(REVISIONS.values())


def test_every_release_is_known() -> None:
    assert list(REVISIONS) == re.findall(r"^## ([\d.]+) ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[::-1]
