"""The settings of a project, and those of a browser."""

import re

import pytest
from sqlalchemy import select

from heartbeat.store.database.rows import columns, first
from heartbeat.store.tables.projects import Project
from tests.support.dashboard import Owner


async def project(owner: Owner) -> Project:
    table = columns(Project)
    row = await owner.database.read(lambda c: first(c, Project, select(table).where(table.c.id == owner.project.id)))
    assert row is not None
    return row


async def test_a_project_gets_another_name_and_another_day(owner: Owner) -> None:
    before = (await project(owner)).period
    answer = await owner.browser.submit("/settings", name="Acme & Sons", anchor_day="15")
    assert answer.headers["location"] == "/settings?done=project"
    row = await project(owner)
    assert (row.name, row.period_anchor_day) == ("Acme & Sons", 15)
    assert row.period(row.created_at)[0] == before(row.created_at)[0]
    assert row.credit_budget is None
    await owner.browser.submit("/settings", name="Acme & Sons", anchor_day="15", credit_budget="700")
    assert (await project(owner)).credit_budget == 700
    assert ">the project's budget: 700</a>" in await owner.browser.page("/credits")
    page = await owner.browser.page("/settings")
    assert 'name="credit_budget" value="700"' in page
    assert '<span class="project" title="' in page
    assert "Acme &amp; Sons" in page
    assert "no limit" in page
    assert "Logs are kept" in page
    assert re.search(r"Runs at once.*?no limit", page, re.S)
    assert re.search(r"Spread of a new heartbeat.*?no spread", page, re.S)
    assert "for ever" in page


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"anchor_day": "32"}, "anchor_day"),
        ({"anchor_day": "soon"}, "anchor_day"),
        ({"credit_budget": "-5"}, "credit_budget"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_is_wrong_is_said_at_its_field(owner: Owner, fields: dict[str, str], wrong: str) -> None:
    answer = await owner.browser.submit("/settings", **{"name": "Typed", "anchor_day": "15"} | fields)
    assert answer.status_code == 400
    assert f'id="{wrong}-said" role="alert"' in answer.text
    assert 'value="Typed"' in answer.text or wrong == "name"
    assert (await project(owner)).name == owner.project.name


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_browser_keeps_its_language_and_its_time_zone(owner: Owner) -> None:
    answer = await owner.browser.submit("/settings/display", heartbeat_language="de", heartbeat_zone="Europe/Berlin")
    assert answer.headers["location"] == "/settings?done=display"
    assert dict(owner.browser.cookies)["heartbeat_zone"].strip('"') == "Europe/Berlin"
    page = await owner.browser.page("/settings")
    assert '<html lang="de">' in page
    assert 'value="Europe/Berlin"' in page
    wrong = await owner.browser.submit("/settings/display", heartbeat_language="de", heartbeat_zone="Mars/Olympus")
    assert (wrong.status_code, 'id="heartbeat_zone-said" role="alert"' in wrong.text) == (400, True)
    unknown = await owner.browser.submit("/settings/display", heartbeat_language="中文", heartbeat_zone="Europe/Berlin")
    assert (unknown.status_code, "heartbeat_language" in dict(owner.browser.cookies)) == (303, False)
    await owner.browser.submit("/settings/display", heartbeat_language="de", heartbeat_zone="Europe/Berlin")
    await owner.browser.submit("/settings/display", heartbeat_language="", heartbeat_zone="")
    assert not {"heartbeat_zone", "heartbeat_language"} & set(dict(owner.browser.cookies))
