"""Which fingerprints are one matter."""

import pytest

from heartbeat.domain.fingerprints import fingerprint_key


@pytest.mark.parametrize(
    "fingerprints",
    [
        (
            "disk-full:web-1",
            "Disk-Full:web-1",
            "disk-full:web-1 ",
            "disk_full:web-1",
            "disk full / web 1",
            "DiskFull:web1",
        ),
        ("straße", "STRASSE"),
        ("1:12", "1-12", "1 12"),
        ("-", "- "),
    ],
)
def test_case_blanks_and_separators_do_not_count(fingerprints: tuple[str, ...]) -> None:
    assert len({fingerprint_key(fingerprint) for fingerprint in fingerprints}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("disk:web-1", "disk:web-2"), ("host-1:12", "host-11:2"), ("c++", "c#"), ("-", ":"), ("1.2", "12"), ("कि", "का")],
)
def test_everything_else_does(one: str, other: str) -> None:
    assert fingerprint_key(one) != fingerprint_key(other)
