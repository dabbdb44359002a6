"""docs/performance.md, and the places in it that tables are written into."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"


def with_table(page: str, name: str, table: str) -> str:
    """Return the page with a table between `<!-- name -->` and `<!-- end of name -->`."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, rest = page.split(begin)
    return f"{before}{begin}{table}\n{end}{rest.split(end)[1]}"
