"""docs/reliability.md shows the reports as they are, and they found nothing."""

from pathlib import Path

from tests.faults.checks import CHECKS
from tests.faults.report import read, require_nothing_lost, table

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def test_the_page_shows_what_was_found() -> None:
    shown = PAGE.read_text().partition("<!-- faults -->\n")[2].partition("\n<!-- end -->")[0]
    assert shown == table(read())


def test_nothing_was_lost_or_doubled() -> None:
    assert read()
    for found in read():
        assert found["lost or doubled"].keys() <= CHECKS.keys()
        require_nothing_lost(found)
