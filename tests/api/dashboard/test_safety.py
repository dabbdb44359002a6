"""Pages are safe: what others wrote is text, nothing comes from elsewhere, what is missing is a page."""

import json

from markupsafe import escape
from sqlalchemy import Connection, update

from api.dashboard.render import ASSETS, _environment, asset_url
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from tests.support.api import error_of
from tests.support.dashboard import Browser, Owner
from tests.support.html_pages import HtmlPage
from tests.support.pending_rows import a_call, a_finding, a_message, a_target, a_task, a_tool, an_approval, changed_tool

EVIL = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>"
NASTY = json.dumps({EVIL: EVIL})
WRONG = {"severity": EVIL, "title": EVIL, "detail": EVIL}


async def test_whatever_people_and_models_write_is_text(owner: Owner) -> None:
    def seed(connection):
        connection.execute(update(columns(Project)).values(name=EVIL))
        connection.execute(update(columns(Bot)).values(name=EVIL, model=EVIL, instruction=EVIL))
        wrong = {
            "prompt": EVIL,
            "pause_detail": EVIL,
            "external_id": EVIL,
            "pause_reason": "errors",
            "success_count": 2,
        }
        connection.execute(update(columns(Heartbeat)).values(**wrong))

    await owner.database.write(seed)
    run = await owner.run(status="error", prompt=EVIL, response=EVIL, error_message=EVIL, model=EVIL, instruction=EVIL)
    answered = await owner.run(prompt=EVIL, response=EVIL, model=EVIL)
    paths = ["/", f"/heartbeats/{owner.heartbeat.uuid}", f"/runs/{run.uuid}", f"/runs/{answered.uuid}", "/runs"]
    for path in paths:
        page = await owner.browser.page(path)
        assert str(escape(EVIL)) in page
        assert "<script>alert" not in page
        assert "<img" not in page
        assert page.count("<script") == 1 + page.count('<script type="module" src="/')
    answer = await owner.browser.get("/heartbeats/<img src=x onerror=alert(1)>")
    assert answer.status_code == 404
    assert "&lt;img src=x" in answer.text
    assert "<img" not in answer.text


async def test_what_is_told_of_and_asked_for_is_text_too(owner: Owner) -> None:
    heartbeat = owner.heartbeat
    run = await owner.run(
        dry_run=True, opening=EVIL, report={"outcome": EVIL, "summary": EVIL, "findings": [WRONG, WRONG]}
    )
    waits = await owner.run(status="running", finished_at=None, duration_ms=None)

    def seed(connection: Connection) -> str:
        a_call(connection, run, state="done", failure_code="rehearsed", name=EVIL, arguments=NASTY)
        a_call(connection, waits, name=EVIL, arguments=NASTY)
        an_approval(connection, waits, tool=EVIL, arguments=NASTY, why=EVIL)
        an_approval(connection, waits, step=3, tool=EVIL, arguments=EVIL, state="denied", decided_by=EVIL)
        a_finding(connection, heartbeat, title=EVIL, detail=EVIL, severity=EVIL)
        a_tool(connection, heartbeat, server_label=EVIL, last_error=EVIL, tools=[changed_tool(EVIL)])
        target = a_target(connection, heartbeat, name=EVIL, channel=EVIL, config={"to": EVIL}, events=[EVIL])
        data = {"title": EVIL, "message": EVIL, "priority": "low", "action_url": "javascript:alert(1)", "run": EVIL}
        a_message(connection, heartbeat, target, kind="user.notified", data=data, status="failed", last_error=EVIL)
        paused = {"enabled": False, "pause_reason": "errors", "pause_detail": EVIL}
        return a_task(connection, heartbeat, label=EVIL, description=EVIL, prompt=EVIL, **paused).uuid

    task = await owner.database.write(seed)
    heart = f"/heartbeats/{heartbeat.uuid}"
    lists = ["/approvals", "/findings", "/tools", "/tasks", "/notifications", f"/notifications?heartbeat={task}"]
    for path in [*lists, f"/tasks/{task}", heart, f"/runs/{run.uuid}", f"/runs/{waits.uuid}"]:
        page = await owner.browser.page(path)
        assert str(escape(EVIL)) in page, path
        assert "<script>alert" not in page
        assert "<img" not in page
        assert 'href="javascript:' not in page
        assert page.count("<script") == 1 + page.count('<script type="module" src="/')


async def test_what_is_not_there_is_a_page(owner: Owner) -> None:
    for path in ("/heartbeats/hb_nope", "/runs/log_nope", "/runs/%00", "/heartbeats/%00%ff", "/tasks/%00%ff"):
        answer = await owner.browser.get(path)
        assert answer.status_code == 404
        assert "<h1>Not found</h1>" in answer.text


async def test_what_no_route_answers_is_a_page_for_a_browser(stranger: Browser) -> None:
    large = b"name=" + b"x" * 1_000_000
    requests = [
        ("GET", "/nonsense", b"", 404),
        ("GET", "/sign-out", b"", 405),
        ("POST", "/bots/new", large, 413),
    ]
    for method, path, content, status in requests:
        page = await stranger.request(method, path, content=content, headers={"accept": "text/html,*/*;q=0.8"})
        assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert ("There is no page at this address." in page.text) == (status != 413)
        assert error_of(await stranger.request(method, path, content=content), status)
    assert error_of(await stranger.get("/v1/nonsense", headers={"accept": "text/html"}), 404)


async def test_pages_are_locked_down_and_need_nothing_from_elsewhere(owner: Owner, stranger: Browser) -> None:
    run = await owner.run()
    paths = ["/", f"/heartbeats/{owner.heartbeat.uuid}", f"/runs/{run.uuid}", "/heartbeats/hb_nope"]
    paths += ["/runs", "/runs?q=x", "/approvals", "/findings", "/tools", "/tasks", "/notifications"]
    answers = [await owner.browser.get(path) for path in paths] + [
        await stranger.get(path) for path in ("/", "/sign-in")
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "").replace(
            owner.settings.ui_url(), ""
        )
        assert 'style="' not in answer.text


async def test_the_reference_is_served_whole_and_locked_down(stranger: Browser) -> None:
    page = await stranger.get("/docs")
    assert page.status_code == 200
    loaded = [one.get("src") or one.get("href") or "" for _, one in HtmlPage(page.text).elements]
    files = [address for address in loaded if "?v=" in address]
    assert len(files) == 3
    assert {address for address in loaded if address} == {*files, "data:,", "/openapi.json"}
    for address in files:
        assert (await stranger.get(address)).status_code == 200
    assert page.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert page.headers["x-frame-options"] == "DENY"
    assert (await stranger.get("/docs/oauth2-redirect")).status_code == 404


async def test_the_files_of_the_pages_may_be_kept_for_ever(stranger: Browser) -> None:
    page = await stranger.page("/sign-in")
    assert 'rel="icon" href="data:image/svg+xml,' in page
    assert asset_url("dashboard.css") in page
    for name, kind in ASSETS.items():
        answer = await stranger.get(asset_url(name))
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert "immutable" in answer.headers["cache-control"]


async def test_the_api_knows_nothing_of_pages(stranger: Browser) -> None:
    paths = (await stranger.get("/openapi.json")).json()["paths"]
    assert all(path.startswith("/v1/") or path in {"/healthz", "/readyz", "/metrics"} for path in paths)


def test_what_is_said_in_place_of_a_message_is_text_too() -> None:
    template = _environment().from_string('{{ _(words) }} {{ _("for %(who)s", who=words) }}')
    assert template.render(words="<b>") == "&lt;b&gt; for &lt;b&gt;"
