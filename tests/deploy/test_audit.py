"""What CI says of known vulnerabilities of the locked packages. The report is one of pip-audit's own."""

import re
import runpy
from pathlib import Path

AUDIT = runpy.run_path(str(Path(__file__).parents[2] / ".ci" / "audit.py"))
REPORT = {
    "dependencies": [
        {
            "name": "flask",
            "version": "0.5",
            "vulns": [
                {"id": "PYSEC-2019-179", "fix_versions": ["1.0"], "aliases": ["CVE-2019-1010083"], "description": "…"},
                {"id": "PYSEC-0000-1", "fix_versions": [], "aliases": [], "description": "…"},
            ],
        },
        {"name": "idna", "version": "3.10", "vulns": []},
        {"name": "ours", "skip_reason": "Dependency not found on PyPI and could not be audited: ours (1)"},
    ],
    "fixes": [],
}


def test_it_says_what_was_found_and_what_could_not_be_asked() -> None:
    assert AUDIT["said"](REPORT) == [
        "2 of 3 packages looked up, 2 known vulnerabilities",
        "could not be looked up: ours",
        "flask 0.5: PYSEC-2019-179, mended by 1.0",
        "flask 0.5: PYSEC-0000-1, mended by no version yet",
    ]


def test_what_asks_is_locked() -> None:
    assert "\npip-audit==" in AUDIT["TOOL"].read_text()


def test_what_ci_takes_from_others_is_pinned_by_its_commit() -> None:
    """A tag can be moved to other code; the comment names the version for those who read it."""
    files = [path.read_text() for path in (Path(__file__).parents[2] / ".github" / "workflows").glob("*.yml")]
    used = [line for text in files for line in text.splitlines() if "uses:" in line]
    assert used
    assert [line for line in used if not re.search(r"uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []
