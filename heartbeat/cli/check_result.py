"""What a check of `heartbeat doctor` says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckResult:
    """The result of one check; `mend` is empty when all is well."""

    name: str
    detail: str
    mend: str = ""
