"""Thumbs: on the page of a run, behind the link of a message, and as the shares that pages show."""

import csv
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from io import StringIO

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, update

from heartbeat.domain.secret_keys import new_key
from heartbeat.notifications.delivery import rating_link
from heartbeat.secrets.keyring import Keyring
from heartbeat.settings import Settings
from heartbeat.store.credits.rollup import add_to_day
from heartbeat.store.database.rows import columns
from heartbeat.store.runs.ratings import Rating, rate
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from tests.support.audit_entries import deeds
from tests.support.dashboard import STILL, Browser, Owner
from tests.support.past_runs import a_run

PUBLIC = "https://heartbeat.example"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Those of an installation whose messages have links."""
    return settings.model_copy(update={"public_url": PUBLIC, "secret_keys": SecretStr(new_key())})


def link(owner: Owner, run_uuid: str) -> tuple[str, str]:
    """The page that a message links to, and its token."""
    address = rating_link(Keyring.from_settings(owner.settings), owner.settings, run_uuid)
    assert address is not None
    page, _, token = address.removeprefix(PUBLIC).partition("?token=")
    return page, token


async def rated(owner: Owner, run: Run) -> Run:
    return await owner.database.read(run_by_uuid, run.uuid)


async def test_a_run_is_rated_on_its_page(owner: Owner) -> None:
    run = await owner.run()
    page = await owner.browser.page(f"/runs/{run.uuid}")
    assert page.count('aria-pressed="false"') == 2
    assert 'id="rate-none"' not in page
    answer = await owner.browser.submit(f"/runs/{run.uuid}/rate", rating="down", note="It forgot <b>Ada</b>.")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{run.uuid}?done=rated")
    page = await owner.browser.page(f"/runs/{run.uuid}?done=rated")
    assert 'value="down" aria-pressed="true"' in page
    assert "It forgot &lt;b&gt;Ada&lt;/b&gt;.</textarea>" in page
    assert "by the key first" in page
    assert "Thank you: the run is rated." in page
    answer = await owner.browser.submit(f"/runs/{run.uuid}/rate", rating="none", note="It forgot Ada.")
    assert answer.headers["location"] == f"/runs/{run.uuid}?done=unrated"
    assert ((await rated(owner, run)).liked, (await rated(owner, run)).rating_note) == (None, None)


@pytest.mark.parametrize("values", [{"status": "running", **STILL}, {"status": "skipped"}, {"dry_run": True}])
async def test_what_cannot_be_rated_has_no_buttons(owner: Owner, values: Mapping[str, object]) -> None:
    run = await owner.run(**values)
    assert 'id="rating"' not in await owner.browser.page(f"/runs/{run.uuid}")
    assert (await owner.browser.submit(f"/runs/{run.uuid}/rate", rating="up")).status_code == 409


@pytest.mark.parametrize("fields", [{}, {"rating": "great"}, {"rating": "up", "note": "x" * 2_001}])
async def test_what_is_no_rating_is_refused(owner: Owner, fields: Mapping[str, str]) -> None:
    run = await owner.run()
    assert (await owner.browser.submit(f"/runs/{run.uuid}/rate", **fields)).status_code == 400
    assert (await rated(owner, run)).liked is None


async def test_the_link_of_a_message_rates_when_a_button_is_pressed(owner: Owner, stranger: Browser) -> None:
    run = await owner.run(prompt="A secret prompt", response="A secret answer")
    path, token = link(owner, run.uuid)
    page = await stranger.page(f"{path}?token={token}")
    assert "Was it useful?" in page
    assert "secret" not in page.replace("secret_", "")
    # Programs that scan mail open links.
    assert (await rated(owner, run)).liked is None
    for rating, liked in (("down", False), ("up", True), ("up", True)):
        answer = await stranger.submit(path, token=token, rating=rating, note="Just right.")
        assert answer.status_code == 200
        assert "Thank you." in answer.text
        row = await rated(owner, run)
        assert (row.liked, row.rating_note, row.rated_by) == (liked, "Just right.", "the link of a message")
    assert ("link", "run.rate") in await deeds(owner.database, owner.project.id)


async def test_a_link_is_for_one_run_alone(owner: Owner, stranger: Browser) -> None:
    run, other = await owner.run(), await owner.run()
    path, token = link(owner, run.uuid)
    _, another = link(owner, other.uuid)
    answers: list[httpx.Response] = []
    for wrong in (another, token[:-2], "", "x" * 5_000):
        answers.append(await stranger.get(path, params={"token": wrong}))
        answers.append(await stranger.submit(path, token=wrong, rating="up"))
    assert {answer.status_code for answer in answers} == {403}
    assert (await rated(owner, run)).liked is None


async def test_a_link_is_good_for_thirty_days(owner: Owner, stranger: Browser) -> None:
    month, day = timedelta(days=30), timedelta(days=1)
    for age, status in ((month - day, 200), (month + day, 403)):
        began = datetime.now(UTC) - age
        run = await owner.run(started_at=began, finished_at=began)
        path, token = link(owner, run.uuid)
        opened = await stranger.get(path, params={"token": token})
        answers = [opened, await stranger.submit(path, token=token, rating="up")]
        assert [answer.status_code for answer in answers] == [status, status]
        assert ("This link is older than thirty days" in opened.text) == (status == 403)
        assert (await rated(owner, run)).liked is (True if status == 200 else None)


async def test_pages_show_the_share_that_did_what_is_expected_and_the_one_that_people_liked(owner: Owner) -> None:
    paths = (f"/heartbeats/{owner.heartbeat.uuid}", f"/bots/{owner.bot.uuid}", "/stats", "/stats?days=7")
    for path in paths:
        assert "rated runs in 30 days" not in (page := await owner.browser.page(path))
        assert "As expected" not in page

    def seed(connection: Connection) -> None:
        for liked in (True, True, False):
            uuid = a_run(connection, owner.heartbeat)
            rate(connection, uuid, Rating(liked, None, "a test"), owner.heartbeat.created_at)
        for days, met in ((0, {"met": 3, "unmet": 1}), (8, {"met": 12})):
            add_to_day(connection, owner.heartbeat, datetime.now(UTC) - timedelta(days=days), met)
        dropped = update(columns(Heartbeat)).where(columns(Heartbeat).c.id == owner.heartbeat.id)
        connection.execute(dropped.values(quality_dropped_run_id=3))

    await owner.database.write(seed)
    for path in paths:
        page = await owner.browser.page(path)
        for title, share, words in (
            ("As expected", "94%", "15 of 16 runs in 30 days<br>75% in 7 days"),
            ("Liked", "67%", "2 of 3 rated runs in 30 days<br>67% in 7 days"),
        ):
            assert f'<h2>{title}</h2><p class="big">{share}</p><p class="muted">{words}' in page
    assert "Its last runs were good less often than those before." in await owner.browser.page(paths[0])


async def test_lists_of_runs_say_how_each_was_rated(owner: Owner) -> None:
    for liked, note in ((True, None), (False, "=1+1"), (None, None)):
        await owner.database.write(a_run, owner.heartbeat, liked=liked, rating_note=note)
    for path in ("/runs", f"/heartbeats/{owner.heartbeat.uuid}"):
        page = await owner.browser.page(path)
        assert (page.count("rated good"), page.count("rated bad")) == (1, 1)
    answer = await owner.browser.get("/runs.csv")
    rows = list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [(row["rating"], row["rating_note"]) for row in rows] == [("", ""), ("down", "'=1+1"), ("up", "")]
