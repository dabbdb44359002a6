"""`heartbeat demo`: a heartbeat made over the API, followed, switched off at the end, and found again the next time."""

import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from tests.support.embedded import Embedded, Start
from tests.support.model_server import ModelServer, says
from tests.support.patience import wait_until

pytestmark = pytest.mark.e2e


def test_demo_shows_a_run_and_carries_on_the_next_time(
    start: Start, model: ModelServer, temporal: Client, tmp_path: Path
) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o700)
    model.script(says("Stretch your\x1b[31m legs.\nThen drink water.", 900, 350))
    variables = {
        "TEMPORAL_ADDRESS": temporal.service_client.config.target_host,
        "OPENAI_BASE_URL": model.base_url,
        "HEARTBEAT_DEFAULT_MODEL": "openai:scripted",
        "BROWSER": f"{browser} %s",
    }
    first = start(verb="demo", **variables)
    first.wait_for(
        r"manual run success \(\d+\.\d s, 1250 tokens, 2 credits\): Stretch your \[31m legs. Then drink water."
    )
    first.wait_for(r"next run in \d+ s, at .* [2-9]\d* of 500 credits used")
    link = wait_until(lambda: opened.read_text() if opened.exists() else "", lambda text: text.endswith("\n"))
    assert_signs_in(link.strip(), first.url)
    file = first.data_dir / "demo.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    bot = json.loads(file.read_text())["bot"]
    project, key = first.access()
    first.stop()
    assert first.process.returncode == 0

    second = start(verb="demo", **variables)
    assert int(second.wait_for(r"of (\d+) credits used")[1]) >= 502
    second.wait_for("manual run success")
    assert json.loads(file.read_text()) == {"key": key, "bot": bot}
    (heartbeat,) = heartbeats(second, project, key, bot)
    assert heartbeat["enabled"] == 1
    assert [line for line in second.lines if line.startswith("key")] == []
    second.stop()
    with closing(sqlite3.connect(second.data_dir / "heartbeat.db")) as database:
        assert database.execute("SELECT enabled FROM heartbeat").fetchall() == [(0,)]


def assert_signs_in(link: str, url: str) -> None:
    """What the browser was opened with is a link to a page whose button signs in, once."""
    page, token = link.split("?token=")
    assert page == f"{url}/sign-in/once"
    with httpx.Client(trust_env=False, headers={"origin": url}) as person:
        assert person.get(link).status_code == 200
        assert person.post(page, data={"token": token}).headers["location"] == "/"
        assert "Break coach" in person.get(f"{url}/").text
        person.cookies.clear()
        assert person.post(page, data={"token": token}).status_code == 403


def heartbeats(stack: Embedded, project: str, key: str, bot: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = httpx.get(
        f"{stack.url}/v1/bot/heartbeat/readall",
        params={"project_id": project, "bot_id": bot},
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    ).json()["heartbeats"]
    return rows
