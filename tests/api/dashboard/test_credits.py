"""The page of credits, and the ledger behind its numbers."""

import csv
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import Connection

from heartbeat.domain import credits
from heartbeat.store.credits.grants import grant
from heartbeat.store.credits.ledger import Account, Charge, Reservation, settle
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.credits import DailyRollup, HeartbeatDay
from heartbeat.store.tables.runs import Run
from tests.support.dashboard import Browser, Owner, a_run, an_owner, rows_of
from tests.support.held_credits import hold
from tests.support.seeds import a_bot, a_heartbeat

STEPS = 30


def spend(connection: Connection, owner: Owner, now: datetime, steps: int = STEPS) -> Run:
    """A run whose every step was reserved 5 credits and charged 2."""
    run = a_run(connection, owner.heartbeat)
    start, _ = credits.period(now)
    account = Account(project_id=owner.project.id, period_start=start, heartbeat_id=owner.heartbeat.id, run_id=run.id)
    for step in range(1, steps + 1):
        hold(connection, account, Reservation(step), 5, now)
        settle(connection, account, Charge(step, "settle", 1500, 2, 5), now)
    day = {"bot_id": owner.bot.id, "day": f"{now:%Y-%m-%d}", "type": "heartbeat", "model": "openai:scripted"}
    sums = {"success": 1, "tokens": 1500 * steps, "credits": 2 * steps, "cost_nano_usd": 12_000_000, "duration_ms": 1}
    sums |= {"error": 0, "skipped": 0, "cancelled": 0}
    connection.execute(columns(DailyRollup).insert().values(**day, **sums))
    of_heartbeat = {"heartbeat_id": owner.heartbeat.id, "day": day["day"]}
    connection.execute(columns(HeartbeatDay).insert().values(**of_heartbeat, **sums))
    return run


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_money_stands_beside_credits(owner: Owner) -> None:
    run = await owner.database.write(spend, owner, datetime.now(UTC))
    listed = await owner.run(tokens_used=1250, credits_charged=2)
    of_one = (f"/heartbeats/{owner.heartbeat.uuid}", f"/bots/{owner.bot.uuid}")
    paths = ("/credits", "/credits/ledger", f"/runs/{run.uuid}", "/", *of_one, "/runs", "/stats", "/settings")
    for path in paths:
        assert "€" not in await owner.browser.page(path)
    owner.settings.currency_per_credit = "0.0021 EUR"
    # Sixty credits, two for each step; the row of the run itself was charged none.
    sixty = "60 (€0.126)"
    words = ("€0.126", "€0.0042", "", "€0.126", "€0.126", "€0.126", "€0.0042", sixty, sixty)
    for path, worth in zip(paths, words, strict=True):
        assert worth in await owner.browser.page(path)
    [row, _] = csv.DictReader((await owner.browser.get("/runs.csv")).content.decode("utf-8-sig").splitlines())
    assert (row["uuid"], row["credits_charged"], row["price"]) == (listed.uuid, "2", "0.0042 EUR")
    await owner.browser.submit("/settings/display", heartbeat_language="de", heartbeat_zone="")
    assert "0,126\N{NO-BREAK SPACE}€" in await owner.browser.page("/credits")
    owner.settings.currency_per_credit = "1 USD"
    assert "60,00\N{NO-BREAK SPACE}$" in await owner.browser.page("/credits")


async def test_the_numbers_of_a_period_and_the_entries_behind_them(owner: Owner) -> None:
    now = datetime.now(UTC)
    run = await owner.database.write(spend, owner, now)
    await owner.database.write(grant, owner.project, 500, "A gift", "k", now)
    how = f"<code>heartbeat project grant {owner.project.uuid} 500</code>"
    page = await owner.browser.page("/credits")
    assert f'<p class="big">{2 * STEPS}</p>' in page
    [heartbeat] = [row for row in rows_of(page) if "/credits/ledger?" in row and owner.heartbeat.uuid in row]
    assert f">{2 * STEPS}</td>" in heartbeat
    for part in (how, "openai:scripted", "45,000", "$0.0120", "A gift", f'href="/runs?since={now:%Y-%m-%d}'):
        assert part in page
    [path] = re.findall(rf'href="(/credits/ledger\?period=[^"]*{owner.heartbeat.uuid})"', page)
    seen: list[str] = []
    while path:
        page = await owner.browser.page(path.replace("&amp;", "&"))
        seen += rows_of(page)
        older = re.findall(r'href="([^"]*)" rel="next"', page)
        path = older[0] if older else ""
    assert len(seen) == 2 * STEPS
    assert len({row for row in seen if "Charged for an answer" in row}) == STEPS
    page = await owner.browser.page(f"/credits/ledger?run={run.uuid}")
    assert len(rows_of(page)) == 50
    page = await owner.browser.page("/credits/ledger")
    assert "Granted by the operator" in page
    assert "A gift" in page


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_no_ended_run_used_is_said_beside_the_whole(owner: Owner) -> None:
    now = datetime.now(UTC)
    await owner.database.write(spend, owner, now)
    words = "of it for rehearsals, replays and runs under way"
    assert words not in await owner.browser.page("/credits")

    def rehearse(connection: Connection) -> None:
        run = a_run(connection, owner.heartbeat, dry_run=True)
        start, _ = credits.period(now)
        account = Account(
            project_id=owner.project.id, period_start=start, heartbeat_id=owner.heartbeat.id, run_id=run.id
        )
        hold(connection, account, Reservation(1), 5, now)
        settle(connection, account, Charge(1, "settle", 1500, 3, 5), now)

    await owner.database.write(rehearse)
    page = await owner.browser.page("/credits")
    assert f'<p class="big">{2 * STEPS + 3}</p>' in page
    assert f"3 {words}" in page
    assert page.count("rehearsals and replays are not among them") == 2


def entries_on(page: str) -> int:
    return page.count("Reserved for a step") + page.count("Charged for an answer")


async def test_a_bot_a_model_and_a_day_lead_to_their_entries(owner: Owner) -> None:
    """Of twenty-five runs of one bot and one of another, each with a reservation and a charge."""
    now = datetime.now(UTC)
    start, _ = credits.period(now)
    # Both in the period, whatever the day of the month.
    first, second = start + timedelta(hours=1), start + timedelta(hours=2)

    def seed(connection: Connection) -> str:
        other = a_bot(connection, owner.project, name="The other one")
        sums = {"success": 1, "credits": 2, "tokens": 1, "error": 0, "skipped": 0, "cancelled": 0}
        runs = [(owner.heartbeat, "openai:scripted", first)] * 25
        for heartbeat, model, at in [*runs, (a_heartbeat(connection, other), "openai:rare/1&2", second)]:
            run = a_run(connection, heartbeat, model=model, started_at=at)
            account = Account(project_id=owner.project.id, period_start=start, heartbeat_id=heartbeat.id, run_id=run.id)
            hold(connection, account, Reservation(1), 5, at)
            settle(connection, account, Charge(1, "settle", 1500, 2, 5), at)
        for bot, model in ((owner.bot, "openai:scripted"), (other, "openai:rare/1&2")):
            day = {"bot_id": bot.id, "day": f"{start:%Y-%m-%d}", "type": "heartbeat", "model": model, **sums}
            connection.execute(columns(DailyRollup).insert().values(day))
        a_run(connection, owner.heartbeat, status="skipped", model="openai:rare/1&2", started_at=second)
        return other.uuid

    other = await owner.database.write(seed)
    links = [
        unescape(link) for link in re.findall(r'href="(/credits/ledger\?[^"]*)"', await owner.browser.page("/credits"))
    ]
    [of_bot] = [link for link in links if f"bot={owner.bot.uuid}" in link]
    [of_rare] = [link for link in links if "rare" in link]
    [of_day] = [link for link in links if "day=" in link]
    page = await owner.browser.page(of_bot)
    assert entries_on(page) == 40
    [older] = re.findall(r'href="([^"]*)" rel="next"', page)
    page = await owner.browser.page(unescape(older))
    assert entries_on(page) == 10
    assert 'rel="next"' not in page
    page = await owner.browser.page(of_rare)
    assert entries_on(page) == 2
    assert "<option selected>openai:rare/1&amp;2</option>" in page
    assert entries_on(await owner.browser.page(of_day)) == 40
    for query, count in ((f"bot={other}&model=openai:scripted", 0), (f"bot={other}&day={start:%Y-%m-%d}", 2)):
        assert entries_on(await owner.browser.page(f"/credits/ledger?{query}")) == count, query
    assert entries_on(await owner.browser.page("/credits/ledger?day=2020-01-01")) == 0
    assert f'href="/credits/ledger?bot={other}"' in await owner.browser.page(f"/bots/{other}")


async def test_earlier_periods_keep_their_numbers(owner: Owner) -> None:
    now = datetime.now(UTC)
    start, _ = credits.period(now)
    before = start - timedelta(days=3)
    await owner.database.write(spend, owner, before, 7)
    assert "Nothing was used in this period." in await owner.browser.page("/credits")
    name = f"{credits.period(before)[0]:%Y-%m-%d}"
    page = await owner.browser.page(f"/credits?period={name}")
    assert f'<option value="{name}" selected>' in page
    assert '<p class="big">14</p>' in page
    assert "It is over." in page
    [row] = [row for row in rows_of(page) if owner.heartbeat.uuid in row]
    assert ">14</td>" in row
    assert f'href="/runs?since={before:%Y-%m-%d}' in page
    assert len(rows_of(await owner.browser.page(f"/credits/ledger?period={name}"))) == 15


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_ledger_is_ones_own(owner: Owner, stranger: Browser) -> None:
    run: Any = await owner.database.write(spend, owner, datetime.now(UTC), 1)
    other = await an_owner(owner.settings, owner.database, owner.temporal, stranger, "Rival")
    await stranger.sign_in(other.key)
    assert "There is no entry." in await stranger.page("/credits/ledger")
    of_others = (f"bot={owner.bot.uuid}", f"model=x&before={run.uuid}", f"run={run.uuid}")
    nobodys = (f"heartbeat={owner.heartbeat.uuid}", "period=2020-01-01", "run=%00", "bot=%00", "model=x&before=log_7")
    for query in (*of_others, *nobodys):
        assert (await stranger.get(f"/credits/ledger?{query}")).status_code == 404, query
    assert (await stranger.get("/credits?period=now")).status_code == 400
