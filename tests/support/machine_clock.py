"""A machine whose clock is wrong, and with it everything on it that reads that clock."""

from datetime import datetime, timedelta, tzinfo

import pytest

from heartbeat.domain import clock


def move_clock(patch: pytest.MonkeyPatch, ahead: timedelta) -> None:
    """Have every `utc_now` of this process show what a clock does that is this far ahead."""

    class Moved(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + ahead

    patch.setattr(clock, "datetime", Moved)
