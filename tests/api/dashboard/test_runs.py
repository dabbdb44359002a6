"""The list of all runs: found by filter and by words, page by page, and taken along as files."""

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from html import unescape
from io import StringIO
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import Connection, update

from api import run_search
from api.dashboard.routes import runs as routes_runs
from api.run_search import WantedRuns
from api.schemas.run_query import FoundRuns, ListedRun
from heartbeat.store.bots.subscribers import create_subscriber
from heartbeat.store.database.rows import columns
from heartbeat.store.overview import run_filters
from heartbeat.store.runs import search
from heartbeat.store.runs.search import IdRange, RunFilter
from heartbeat.store.tables.bots import Bot
from tests.support.dashboard import STILL, Owner, a_run
from tests.support.pending_rows import a_task, an_approval
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, access_to

BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def labels(page: str) -> list[str]:
    """The answers of a page's runs: `#1`, `#2` and so on, in order."""
    return re.findall(r"#\d+", page.partition("<tbody>")[2].partition("</tbody>")[0])


def older(page: str) -> str:
    """Where its link to older runs leads."""
    [link] = re.findall(r'<a href="([^"]+)" rel="next">', page) or [""]
    return unescape(link)


async def test_a_page_begins_where_the_one_before_ended(owner: Owner) -> None:
    def seed(connection: Connection) -> None:
        other = a_heartbeat(connection, a_bot(connection, owner.project))
        for number in range(120):
            heartbeat = other if number % 40 == 0 else owner.heartbeat
            a_run(connection, heartbeat, response=f"#{number}", started_at=BEGAN + timedelta(days=number))

    await owner.database.write(seed)
    seen, path = [], "/runs"
    while path:
        page = await owner.browser.page(path)
        seen.append(labels(page))
        path = older(page)
        # What happens meanwhile moves nothing.
        await owner.run(response="#999")
    assert [len(page) for page in seen] == [50, 50, 20]
    assert [label for page in seen for label in page] == [f"#{number}" for number in reversed(range(120))]


async def seed_of_each_kind(owner: Owner) -> dict[str, str]:
    """A run of each kind; returns the public ids that filters name."""

    def seed(connection: Connection) -> dict[str, str]:
        other_bot = a_bot(connection, owner.project, name="Other")
        member = create_subscriber(connection, access_to(connection, other_bot), None, "Ada", NOW)
        other = a_heartbeat(connection, other_bot, member_id=member.id)
        task = a_task(connection, owner.heartbeat)
        run, days = partial(a_run, connection), [BEGAN + timedelta(days=number) for number in range(8)]
        run(owner.heartbeat, response="#1 the invoice 4711", started_at=days[0])
        run(
            owner.heartbeat,
            status="error",
            error_message="#2 Größe is wrong: 50%",
            started_at=days[1],
        )
        run(owner.heartbeat, status="skipped", skip_reason="overlap", prompt="#3", started_at=days[2])
        run(owner.heartbeat, status="skipped", skip_reason="missed", prompt="#4", started_at=days[3])
        run(other, response="#5", member_id=member.id, trigger="schedule", started_at=days[4])
        run(other, response="#6", dry_run=True, started_at=days[5])
        run(task, response="#7", type="scheduled_task", started_at=days[6])
        going = run(owner.heartbeat, status="running", prompt="#8", started_at=days[7], **STILL)
        an_approval(connection, going)
        a_run(connection, a_heartbeat(connection, a_bot(connection, a_project(connection))), response="#9")
        return {"other": other_bot.uuid, "member": member.uuid, "task": task.uuid}

    return await owner.database.write(seed)


FILTERS = [
    ({}, "7 6 5 2 1"),
    ({"status": "error"}, "2"),
    ({"trigger": "schedule"}, "5"),
    ({"trigger": "manual"}, "7 2 1"),
    ({"trigger": "rehearsal"}, "6"),
    ({"status": "error", "trigger": "rehearsal"}, ""),
    ({"bot_id": "{other}"}, "6 5"),
    ({"status": "success", "bot_id": "{other}"}, "6 5"),
    ({"member_id": "{member}"}, "5"),
    ({"heartbeat_id": "{task}"}, "7"),
    ({"status": "success", "heartbeat_id": "{mine}"}, "1"),
    ({"since": "2026-03-02", "until": "2026-03-05"}, "5 2"),
    ({"since": "2027-01-01"}, ""),
    ({"q": "INVOICE"}, "1"),
    ({"q": "4711 the"}, "1"),
    ({"q": "größe"}, "2"),
    ({"q": "GRÖSSE"}, ""),
    ({"q": "50%"}, "2"),
    ({"q": "5%"}, ""),
    ({"q": "invoice", "since": "2026-03-02"}, ""),
]


async def test_each_filter_leaves_what_it_names(owner: Owner) -> None:
    ids = {**await seed_of_each_kind(owner), "mine": owner.heartbeat.uuid}
    for query, expected in FILTERS:
        named = {name: value.format_map(ids) for name, value in query.items()}
        # Browsers send the fields that are empty, too.
        page = await owner.browser.page(f"/runs?{urlencode({'status': '', 'bot_id': '', **named})}")
        assert " ".join(labels(page)).replace("#", "") == expected, query
        shown = f"/runs?{urlencode(named)}".rstrip("?").replace("&", "&amp;")
        assert ("data-refresh" in page) == ("q" not in query)
        assert f'data-refresh="{shown}"' in page or "q" in query
    for reason, times in (("overlap", 1), ("missed", 1), ("budget", 0)):
        assert (await owner.browser.page(f"/runs?skip_reason={reason}")).count('class="chip skipped"') == times
    going = await owner.browser.page("/runs?status=running")
    assert "Waits for your approval" in going
    assert going.count('class="chip running"') == 1


async def test_a_day_is_one_of_the_readers_zone(owner: Owner) -> None:
    for number, hour in enumerate((9, 11, 21, 23)):
        await owner.run(response=f"#{number}", started_at=BEGAN.replace(hour=hour))
    day = "/runs?since=2026-03-01&until=2026-03-01"
    assert labels(await owner.browser.page(day)) == ["#3", "#2", "#1", "#0"]
    owner.browser.cookies.set("heartbeat_zone", "Pacific/Auckland")
    # There it begins at 11:00 UTC of the day before.
    assert labels(await owner.browser.page(day)) == ["#0"]
    # The numbers of a day are those of UTC, and so are the runs that they lead to, on further pages and in files, too.
    page = await owner.browser.page(f"{day}&zone=UTC")
    assert labels(page) == ["#3", "#2", "#1", "#0"]
    assert "Days are those of UTC." in page
    [file] = re.findall(r'href="(/runs\.jsonl[^"]*)"', page)
    lines = (await owner.browser.get(unescape(file))).text.splitlines()
    assert [json.loads(line)["response"] for line in lines] == ["#3", "#2", "#1", "#0"]


async def test_the_words_are_shown_where_they_stand(owner: Owner) -> None:
    await owner.run(response="x" * 900 + " <b>the</b> Invoice 4711 " + "y" * 900)
    page = await owner.browser.page("/runs?q=invoice")
    assert " &lt;b&gt;the&lt;/b&gt; <mark>Invoice</mark> 4711 yyy" in page
    assert "x" * 100 not in page


WRONG = [
    ({"since": "yesterday"}, "Must be a day, written as 2026-11-30"),
    ({"since": "2026-03-02", "until": "2026-03-01"}, "Must not be before the first day"),
    ({"until": "9999-12-31"}, "Must be a day of the years 1970 to 9998"),
    ({"since": "0001-01-01"}, "Must be a day of the years 1970 to 9998"),
    ({"status": "odd"}, "Must be &#39;success&#39;"),
    ({"q": "a b c d e f g h i"}, "Must be at most 8 words"),
    ({"q": "x" * 201}, "Must be at most 200 characters long"),
    ({"q": "\x00"}, "characters that are not text"),
]


async def test_a_wrong_filter_is_said_at_its_field_and_stays(owner: Owner) -> None:
    await owner.run(response="#1")
    for query, words in WRONG:
        answer = await owner.browser.get(f"/runs?{urlencode({'q': 'kept', **query})}")
        assert answer.status_code == 400
        assert words in answer.text, query
        assert labels(answer.text) == []
        assert query.get("q", "kept").replace("\x00", "") in answer.text
        assert (await owner.browser.get(f"/runs.csv?{urlencode(query)}")).status_code == 400
    for name in ("before", "bot_id", "heartbeat_id", "member_id"):
        for key in ("log_nope", "\x00%"):
            assert (await owner.browser.get(f"/runs?{urlencode({name: key})}")).status_code == 404


async def test_a_search_stops_at_its_limit_says_so_and_goes_on(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "LOOK_AT", 10)
    monkeypatch.setattr(run_search, "MAX_LOOKED_AT", 20)
    monkeypatch.setattr(routes_runs, "RUNS_A_PAGE", 5)

    def seed(connection: Connection) -> None:
        for number in range(45):
            said = "needle" if number in (3, 40) else "hay"
            a_run(connection, owner.heartbeat, response=f"{said} #{number}", started_at=BEGAN + timedelta(days=number))

    await owner.database.write(seed)
    first = await owner.browser.page("/runs?q=needle")
    assert labels(first) == ["#40"]
    assert "Looked through 20 runs, back to Thu 26 Mar, 09:00 (UTC)" in first
    owner.browser.cookies.set("heartbeat_zone", "Asia/Tokyo")
    assert "back to Thu 26 Mar, 18:00 (JST)" in await owner.browser.page("/runs?q=needle")
    second = await owner.browser.page(older(first))
    assert labels(second) == []
    assert "None yet." in second
    third = await owner.browser.page(older(second))
    assert labels(third) == ["#3"]
    assert "Looked through" not in third
    assert older(third) == ""


async def test_a_project_without_bots_or_with_many_has_its_runs(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    await owner.run(response="#1")
    await owner.database.write(lambda c: a_run(c, a_heartbeat(c, a_bot(c, a_project(c))), response="#2"))
    monkeypatch.setattr(search, "MAX_BRANCHES", 0)
    assert labels(await owner.browser.page("/runs")) == ["#1"]
    assert labels(await owner.browser.page("/runs?q=%231")) == ["#1"]
    none = RunFilter(owner.project.id, ())
    assert await owner.database.read(search.read_piece, none, IdRange(), 10) == search.RunPiece([], 0, None)


async def test_rehearsals_of_more_bots_than_sqlite_puts_together_are_listed(owner: Owner) -> None:
    await owner.run(response="#1")
    rehearsed = await owner.run(response="#2", dry_run=True)
    first = owner.bot.id
    wanted = RunFilter(owner.project.id, tuple(range(first, first + 501)), trigger=search.REHEARSAL)
    piece = await owner.database.read(search.read_piece, wanted, IdRange(), 10)
    assert [row.uuid for row in piece.rows] == [rehearsed.uuid]


async def test_no_more_choices_are_offered_than_a_person_looks_through(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await owner.database.write(lambda c: a_bot(c, owner.project))
    monkeypatch.setattr(run_filters, "MAX_CHOICES", 1)
    for query, offered in (("", owner.bot.uuid), (f"?bot_id={other.uuid}", other.uuid)):
        page = await owner.browser.page(f"/runs{query}")
        assert re.findall(r'<option value="(bot_[^"]*)"', page) == [offered]


async def test_a_deleted_bot_keeps_its_runs(owner: Owner) -> None:
    await owner.run(response="#1")
    await owner.database.write(lambda c: c.execute(update(columns(Bot)).values(deleted_at=NOW, name="Gone")))
    page = await owner.browser.page(f"/runs?bot_id={owner.bot.uuid}")
    assert labels(page) == ["#1"]
    assert "Gone (deleted)" in page


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1"]


async def test_a_table_holds_the_filtered_runs_and_no_formula(owner: Owner) -> None:
    for formula in FORMULAS:
        await owner.run(response=formula, prompt='A "quoted", line\nand another', error_message="é")
    await owner.run(status="error", error_message="left out")
    answer = await owner.browser.get("/runs.csv?status=success")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == "attachment; filename=runs.csv"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [row["response"] for row in rows] == [f"'{formula}" for formula in reversed(FORMULAS)]
    assert {row["prompt"] for row in rows} == {'A "quoted", line\nand another'}
    assert {(row["heartbeat_id"], row["bot_id"], row["bot"]) for row in rows} == {
        (owner.heartbeat.uuid, owner.bot.uuid, owner.bot.name)
    }
    assert {(row["duration_ms"], row["skip_reason"], row["dry_run"]) for row in rows} == {("1500", "", "false")}


async def test_each_line_of_json_is_a_log_of_the_api(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_search, "STREAMED_AT_ONCE", 2)
    for number in range(5):
        await owner.run(response=f"#{number}\n\u2028", report={"outcome": "ok"})
    await owner.run(status="error", response="left out")
    answer = await owner.browser.get("/runs.jsonl?status=success")
    lines = [json.loads(line) for line in answer.content.split(b"\n") if line]
    assert [line["response"] for line in lines] == [f"#{number}\n\u2028" for number in reversed(range(5))]
    for line in lines:
        ListedRun.model_validate(line, extra="forbid")
    assert await over_the_api(owner, status="success") == lines


async def over_the_api(owner: Owner, **query: Any) -> list[dict[str, Any]]:
    """All runs of a filter, page by page, as programs read them."""
    runs: list[dict[str, Any]] = []
    more: str | None = ""
    while more is not None:
        params = {"project_id": owner.project.uuid, "per_page": 2, "before": more, **query}
        headers = {"authorization": f"Bearer {owner.key}"}
        answer = await owner.browser.get("/v1/project/runs", params=params, headers=headers)
        page = FoundRuns.model_validate(answer.json(), extra="forbid")
        runs += answer.json()["runs"]
        more = page.next
    return runs


async def test_a_file_is_written_while_it_is_read(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_search, "STREAMED_AT_ONCE", 2)
    for number in range(5):
        await owner.run(response=f"#{number}")
    pieces: list[int] = []

    async def read(query: Any, *args: Any) -> Any:
        piece: search.RunPiece = await owner.database.read(query, None, *args)
        pieces.append(len(piece.rows))
        return piece

    runs = run_search.every_run(read, WantedRuns(RunFilter(owner.project.id, (owner.bot.id,)), IdRange()), 5.0)
    assert (await anext(runs)).response == "#4"
    assert pieces == [2]
    assert [run.response async for run in runs] == ["#3", "#2", "#1", "#0"]
    assert pieces == [2, 2, 1]


async def test_who_has_no_session_gets_no_file(owner: Owner) -> None:
    await owner.browser.submit("/sign-out")
    for path in ("/runs", "/runs.csv", "/runs.jsonl", "/runs/log_x/json"):
        assert (await owner.browser.get(path)).status_code == 303
