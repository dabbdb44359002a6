"""The buttons that snooze a heartbeat, and the bounds that its form sets."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from heartbeat.store.database.rows import columns
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


async def test_its_next_run_is_skipped_and_takes_place_after_all(owner: Owner) -> None:
    heartbeat = await owner.add(cron_pattern="0 12 * * *", accounted_until=datetime.now(UTC))
    path = f"/heartbeats/{heartbeat.uuid}"
    [first] = re.findall(r'name="hold" value="([^"]+)"', await owner.browser.page(path))
    answer = await owner.browser.submit(f"{path}/skip", hold=first)
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    page = await owner.browser.page(path)
    assert f'name="release" value="{first}"' in page
    assert "is skipped." in page
    [second] = re.findall(r'name="hold" value="([^"]+)"', page)
    assert datetime.fromisoformat(second) - datetime.fromisoformat(first) == timedelta(days=1)
    held = re.search(r'<div class="tile lead">.*?<time datetime=(\S+)', page)
    assert held is not None
    assert held[1] == second
    line = next(line for line in (await owner.browser.page("/")).split("<tr") if f"value={heartbeat.uuid} " in line)
    assert f"<time datetime={second}" in line
    assert first not in line
    await owner.browser.submit(f"{path}/skip", release=first)
    page = await owner.browser.page(path)
    assert f'name="hold" value="{first}"' in page
    assert "is skipped." not in page
    assert (await owner.browser.submit(f"{path}/skip")).status_code == 400
    assert (await owner.browser.submit(f"{path}/skip", hold="2026-01-01T12:00:00Z")).status_code == 409


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_list_marks_what_is_snoozing_over_or_not_begun(owner: Owner) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    marks = {
        "Snoozing": {"snoozed_at": now, "snooze_until": now + HOUR},
        "Over": {"ends_at": now},
        "Not begun": {"starts_at": now + HOUR},
        "": {"snooze_until": now, "starts_at": now, "ends_at": now + timedelta(days=2)},
    }
    rows = {mark: await owner.add(cron_pattern="0 12 * * *", **values) for mark, values in marks.items()}
    page = await owner.browser.page("/")
    for mark, row in rows.items():
        line = next(line for line in page.split("<tr") if f"value={row.uuid} " in line)
        assert [word for word in marks if word and f">{word}</span>" in line] == [mark] * bool(mark)
    assert ">Over</span>" in await owner.browser.page(f"/heartbeats/{rows['Over'].uuid}")
