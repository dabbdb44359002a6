"""What of a finding's fingerprint counts when it is compared: agents do not spell a name the same every time."""

import re

SEPARATORS = re.compile(r"[\s_:;,./\\|·\-‐‑–—]+")


def fingerprint_key(fingerprint: str) -> str:
    """Leave out case, blanks and separators: `Disk-Full: web-1` and `disk_full:web-1` are one matter.

    Between two digits one separator stays: host 1, disk 12 is not host 11, disk 2.
    """
    text = fingerprint.casefold().strip()
    return SEPARATORS.sub(_between_digits, text) or text


def _between_digits(separator: re.Match[str]) -> str:
    before, after = separator.string[: separator.start()][-1:], separator.string[separator.end() :][:1]
    return "-" if before.isdigit() and after.isdigit() else ""
