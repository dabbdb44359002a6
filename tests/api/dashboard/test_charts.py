"""Charts: what they draw and say, from the numbers of days alone."""

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import Connection

from api.dashboard.routes.runs import FIELDS
from api.dashboard.views.charts import BASE, TOP, panel
from heartbeat.domain.durations import bucket
from heartbeat.store.credits.rollup import add_to_day
from heartbeat.store.overview.daily_numbers import DayNumbers
from heartbeat.store.tables.credits import RunSums
from tests.support.dashboard import Owner

TODAY = date(2026, 11, 20)


def days(*numbers: DayNumbers) -> dict[date, DayNumbers]:
    """The days until today, the last of these today's."""
    return {TODAY - timedelta(days=len(numbers) - 1 - index): one for index, one in enumerate(numbers)}


def ran(*milliseconds: int, **sums: int) -> DayNumbers:
    return DayNumbers(RunSums(**sums), Counter(map(bucket, milliseconds)))


def test_the_highest_day_of_either_period_reaches_the_upper_line() -> None:
    runs, used, *_ = panel(
        days(ran(success=40), ran(), ran(success=10, credits=3), ran(success=5, error=5)), 2, "/", {}
    ).charts
    assert [sum(part.height for part in bar.segments) for bar in runs.bars] == [25, 25]
    assert [[part.kind for part in bar.segments] for bar in runs.bars] == [["success"], ["success", "error"]]
    assert runs.bars[1].segments[-1].y == BASE - 25
    assert runs.before.startswith(f"M0 {TOP:.1f}h")
    assert runs.top == "40"
    assert [bar.segments[0].height if bar.segments else 0 for bar in used.bars] == [100, 0]


def test_each_chart_says_what_the_days_came_to_and_those_before() -> None:
    before, shown = (
        ran(800, success=1, credits=1),
        ran(5_000, 90_000, success=1, error=1, skipped=3, cost_nano_usd=10**9),
    )
    charts = {chart.name: chart for chart in panel(days(before, shown), 1, "/stats", {"bot_id": "bot_1"}).charts}
    assert charts.keys() == {"runs", "credits", "cost", "durations"}
    assert charts["runs"].total == "2 runs, 1 failed, 3 skipped"
    assert charts["runs"].change == "1 run in the 1 days before"
    assert [words for _, words in charts["runs"].legend] == ["Succeeded", "Skipped", "Failed"]
    assert charts["cost"].total == "$1.00"
    assert charts["durations"].total == "p50 4.8 s, p95 1 min 29 s"
    assert charts["durations"].change == "p50 0.8 s, p95 0.8 s in the 1 days before"
    [bar] = charts["runs"].bars
    assert bar.label == "20 Nov: 2 runs, 1 failed, 3 skipped"
    assert bar.href == "/runs?bot_id=bot_1&since=2026-11-20&until=2026-11-20&zone=UTC"


def test_ticks_without_news_are_said_and_not_drawn() -> None:
    shown = panel(days(ran(), ran(success=8, error=1, skipped=1_432, unchanged=1_431)), 1, "/", {})
    assert shown.charts[0].total == "9 runs, 1 failed, 1 skipped, 1,431 times nothing new"
    assert (shown.charts[0].top, sum(part.height for part in shown.charts[0].bars[0].segments)) == ("10", 100)
    assert shown.news == "In 1 days: 1,441 ticks, 9 runs, 1,431 times nothing new, 1 skipped."
    assert shown.rows[0][1:6] == ["8", "1", "0", "1", "1,431"]
    assert panel(days(ran(), ran(success=8, skipped=1)), 1, "/", {}).news is None


def test_a_project_without_runs_has_empty_charts() -> None:
    charts = panel(days(*[DayNumbers() for _ in range(30)]), 7, "/stats", {}).charts
    assert [(chart.name, chart.total) for chart in charts] == [("runs", "0 runs")]
    assert all(not bar.segments for chart in charts for bar in chart.bars)


def seed(connection: Connection, owner: Owner) -> None:
    today = datetime.now(UTC)
    for ago, took in ((0, 2_000), (1, 4_000), (40, 8_000), (100, 16_000)):
        when = today - timedelta(days=ago)
        add_to_day(connection, owner.heartbeat, when, {"success": 1, "duration_ms": took, "credits": 10 + ago}, "m")
    add_to_day(connection, owner.heartbeat, today, {"error": 1, "duration_ms": 2_000, "cost_nano_usd": 5 * 10**9}, "n")


@pytest.mark.parametrize(
    ("path", "field"), [("/stats", ""), ("/heartbeats/{uuid}", "heartbeat_id"), ("/bots/{bot}", "bot_id")]
)
async def test_pages_show_the_days_that_are_asked_for(owner: Owner, path: str, field: str) -> None:
    await owner.database.write(seed, owner)
    path = path.format(uuid=owner.heartbeat.uuid, bot=owner.bot.uuid)
    pages = {days: await owner.browser.page(f"{path}?days={days}") for days in ("7", "", "90", "1000")}
    for days, count in (("7", 7), ("", 30), ("90", 90), ("1000", 30)):
        bars = re.findall(r'<a class="day" id="runs-\d+" href="([^"]+)".*?<text[^>]*>([^<]*)</text></a>', pages[days])
        assert len(bars) == count
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        assert f"since={today}&until={today}&zone=UTC" in unescape(bars[-1][0])
        assert bars[-1][1].endswith(": 2 runs, 1 failed")
        query = dict(parse_qsl(urlsplit(unescape(bars[-1][0])).query))
        assert query.keys() <= set(FIELDS), "each is a filter of the list"
        assert query.get(field) == (path.rpartition("/")[2] if field else None)
    assert "3 runs, 1 failed</p>" in pages["7"]
    assert "0 runs in the 7 days before" in pages["7"]
    assert "1 run in the 30 days before" in pages[""]
    assert "4 runs, 1 failed</p>" in pages["90"]
    assert "1 run in the 90 days before" in pages["90"]
    [row] = re.findall(r"<tr><th scope=\"row\">All 7 days</th>(.*?)</tr>", pages["7"])
    assert re.findall(r">([^<]*)</td>", row) == ["2", "1", "0", "0", "0", "21", "$5.00", "1.9 s", "4.0 s"]
    assert f'href="{path}?days=90" aria-current="true"' in pages["90"]
    assert "style=" not in pages[""].replace("stylesheet", "")
