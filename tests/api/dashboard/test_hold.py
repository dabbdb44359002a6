"""The project on hold in the dashboard: the form, the banner over every page, and the button that releases it."""

from datetime import UTC, datetime, timedelta

import pytest

from heartbeat.store.heartbeats.project_holds import hold_in_force
from heartbeat.store.tables.projects import ProjectHold
from tests.support.dashboard import Owner

WHY = "The shop is <moving>."


async def current(owner: Owner) -> ProjectHold | None:
    return await owner.database.read(hold_in_force, owner.project, datetime.now(UTC))


async def test_a_project_is_put_on_hold_and_released(owner: Owner) -> None:
    owner.browser.cookies.set("heartbeat_zone", "Asia/Tokyo")
    ends = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0)
    local = f"{ends + timedelta(hours=9):%Y-%m-%dT%H:%M}"
    answer = await owner.browser.submit("/hold", reason=WHY, until=local, running="cancel")
    assert answer.headers["location"] == "/hold?done=held"
    row = await current(owner)
    assert row is not None
    assert (row.reason, row.until, row.running, row.held_by) == (WHY, ends, "cancel", "the key first")
    for path in ("/", "/settings", "/hold", f"/heartbeats/{owner.heartbeat.uuid}"):
        page = await owner.browser.page(path)
        assert "The project is on hold until" in page
        assert f"{ends + timedelta(hours=9):%H:%M} JST" in page
        assert "The shop is &lt;moving&gt;." in page
    answer = await owner.browser.submit(f"/heartbeats/{owner.heartbeat.uuid}/run")
    assert answer.status_code == 409
    assert "so nothing is started" in answer.text
    assert (await owner.browser.submit("/release")).headers["location"] == "/hold?done=released"
    assert await current(owner) is None
    assert "The project is on hold" not in await owner.browser.page("/")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [({"reason": ""}, "reason"), ({"until": "soon"}, "until"), ({"until": "2020-01-01T00:00"}, "until")],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_is_wrong_is_said_at_its_field(owner: Owner, fields: dict[str, str], wrong: str) -> None:
    answer = await owner.browser.submit("/hold", **{"reason": WHY, "until": "", "running": "finish"} | fields)
    assert answer.status_code == 400
    assert f'id="{wrong}-said" role="alert"' in answer.text
    assert await current(owner) is None
