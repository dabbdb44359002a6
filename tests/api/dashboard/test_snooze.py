"""The buttons that snooze a heartbeat, and the bounds that its form sets."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from heartbeat.store.rows import columns
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.dashboard import Owner

HOUR = timedelta(hours=1)


async def until(owner: Owner) -> datetime | None:
    end = select(columns(Heartbeat).c.snooze_until).where(columns(Heartbeat).c.id == owner.heartbeat.id)
    return await owner.database.read(lambda c: c.execute(end).scalar_one())


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_heartbeat_is_snoozed_for_a_while_and_woken(owner: Owner) -> None:
    owner.browser.cookies.set("heartbeat_zone", "Asia/Tokyo")
    path, now = f"/heartbeats/{owner.heartbeat.uuid}", datetime.now(UTC)
    for button, length in {"hour": HOUR, "day": 24 * HOUR}.items():
        answer = await owner.browser.submit(f"{path}/snooze", **{"for": button})
        assert answer.headers["location"] == path
        end = await until(owner)
        assert end is not None
        assert now + length <= end < now + length + HOUR
    await owner.browser.submit(f"{path}/snooze", **{"for": "monday"})
    end = await until(owner)
    assert end is not None
    there = end + 9 * HOUR
    assert (there.weekday(), there.hour, there.minute) == (0, 0, 0)
    assert now < end <= now + timedelta(days=7)
    page = await owner.browser.page(path)
    assert "Snoozed until" in page
    assert "JST" in page
    date = f"{now + 9 * HOUR + timedelta(days=3):%Y-%m-%dT%H:%M}"
    await owner.browser.submit(f"{path}/snooze", **{"for": "date", "until": date})
    end = await until(owner)
    assert end is not None
    assert f"{end + 9 * HOUR:%Y-%m-%dT%H:%M}" == date
    for wrong in ("", "soon", "2020-01-01T00:00"):
        assert (await owner.browser.submit(f"{path}/snooze", **{"for": "date", "until": wrong})).status_code == 400
    await owner.browser.submit(f"{path}/snooze", **{"for": ""})
    assert await until(owner) is None
    assert "Snoozed until" not in await owner.browser.page(path)
