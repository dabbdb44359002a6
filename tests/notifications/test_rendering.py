"""What a person reads, beside what `tests/e2e/week` holds word by word."""

from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from heartbeat.domain.failure_policy import Ending
from heartbeat.domain.secret_keys import new_key
from heartbeat.secrets.keyring import Keyring
from heartbeat.store.notifications.events import (
    APPROVAL,
    GATE_FAILED,
    GATE_RECOVERED,
    QUALITY_DROPPED,
    SIGN_IN_NEEDED,
    TOOL_CHANGED,
    record_event,
    record_shared_event,
)
from heartbeat.store.notifications.outages import Fallback, note_model
from heartbeat.store.notifications.outbox import overdue_notifications
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.tool_servers.links import ConnectLink, read_link
from tests.support.past_runs import a_run
from tests.support.receiver import Receiver
from tests.support.store_world import StoreWorld

DISK = {"title": "The disk is full", "severity": "warning", "fingerprint": "disk", "detail": "98 %"}
CERT = {"title": "The certificate ends soon", "severity": "info", "fingerprint": "cert"}


async def read(world: StoreWorld, receiver: Receiver, *notifications: str) -> tuple[str, str, str]:
    """Priority, title and text of the message that comes of this."""
    [uuid] = notifications
    await world.deliver(uuid)
    data = receiver.received[-1].json["data"]
    return data["priority"], data["title"], data["message"]


async def test_one_finding_says_in_its_title_what_is_new_about_it(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    first = await read(world, receiver, *world.reports(DISK).notification_uuids)
    assert first == ("normal", "Disks: The disk is full", "[warning] 98 %\nLooked at everything.")
    world.now += timedelta(days=1)
    again = await read(world, receiver, *world.reports({**DISK, "detail": None}).notification_uuids)
    assert again[1:] == ("Disks: The disk is full (still there)", "[warning]\nLooked at everything.")


async def test_no_text_of_an_agent_turns_a_message(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    turned = {**DISK, "title": "Delete \u202eexe.gnp", "detail": "\u2066a\u2069"}
    _, title, text = await read(world, receiver, *world.reports(turned).notification_uuids)
    assert (title, text.split("\n")[0]) == ("Disks: Delete [U+202E]exe.gnp", "[warning] [U+2066]a[U+2069]")


async def test_several_findings_have_a_line_each_the_worst_first(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    _, title, text = await read(world, receiver, *world.reports(CERT, DISK).notification_uuids)
    assert title == "Disks: The disk is full and 1 more"
    assert text.split("\n") == [
        "- [warning] The disk is full (new)",
        "98 %",
        "- [info] The certificate ends soon (new)",
        "Looked at everything.",
    ]


async def test_a_pause_is_urgent_when_a_person_has_to_end_it(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    world.change(Heartbeat, max_consecutive_errors=1)
    priority, title, text = await read(world, receiver, *world.fails().notification_uuids)
    assert (priority, title) == ("urgent", "Disks is paused because it kept failing")
    assert text.split("\n") == [
        "Failed once; the last error: No key.",
        "Enable it again once it is mended: POST /v1/bot/heartbeat/enable, or the dashboard.",
    ]


async def test_a_pause_that_heals_says_when_it_is_tried_again_where_the_heartbeat_is(
    world: StoreWorld, receiver: Receiver
) -> None:
    world.target(receiver.url)
    world.change(Heartbeat, max_consecutive_errors=1, timezone="Europe/Rome")
    overloaded = Ending("error", "overloaded", "It is overloaded.")
    priority, _, text = await read(world, receiver, *world.run(overloaded).notification_uuids)
    assert priority == "normal"
    assert text.split("\n") == [
        "Failed once; the last error: It is overloaded.",
        "It is tried again on Friday, 20 November 2026, 13:06 (Europe/Rome); enable it to have it run sooner.",
    ]


async def test_what_is_told_of_a_task_can_be_done_with_a_task(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    world.change(Heartbeat, type="scheduled_task", max_consecutive_errors=1)
    _, _, text = await read(world, receiver, *world.fails().notification_uuids)
    assert text.split("\n") == [
        "Failed once; the last error: No key.",
        "Resume it once it is mended: POST /v1/bot/task/resume, or the dashboard.",
    ]
    [row] = world.rows(Heartbeat)
    assert row.pause_message == "Failed once; the last error: No key. Mend it, then resume the task."


async def test_a_task_that_is_tried_again_cannot_be_enabled(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    world.change(Heartbeat, type="scheduled_task", max_consecutive_errors=1)
    closed = world.run(Ending("error", "overloaded", "It is overloaded."))
    _, _, text = await read(world, receiver, *closed.notification_uuids)
    assert text.endswith("\nIt is tried again on Friday, 20 November 2026, 12:06 (UTC).")
    [row] = world.rows(Heartbeat)
    assert row.pause_message.endswith(" It is tried again at 2026-11-20 12:06 (UTC).")


async def test_of_a_task_that_is_over_no_further_failure_is_foreseen(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    world.change(Heartbeat, type="scheduled_task", max_executions=1)
    _, title, text = await read(world, receiver, *world.fails().notification_uuids)
    assert (title, text) == ("Disks failed", "No key.")


async def test_an_approval_that_cannot_be_linked_to_says_where_it_is_decided(
    world: StoreWorld, receiver: Receiver
) -> None:
    world.target(receiver.url)
    data = {"approval": "apr_1", "tool": "desk__book", "expires_at": "2026-11-21T12:00:00+00:00"}
    uuids = world.database.write_now(lambda c: record_event(c, world.heartbeat, APPROVAL, data, world.now))
    _, _, text = await read(world, receiver, *uuids)
    assert receiver.received[-1].json["data"]["link"] is None
    assert text.endswith("\nDecide on the dashboard's page Approvals, or with POST /v1/bot/approval/decide (apr_1).")


LOST = {"tool_id": "tool_1", "server_label": "tickets", "per_member": False, "code": "invalid_grant"}
SIGN_IN = "Sign in on the dashboard's page Tools, or at the address of POST /v1/bot/tool/tool_1/connect."


@pytest.mark.parametrize(
    ("data", "priority", "title", "text"),
    [
        (
            LOST | {"heartbeats": ["hb_1"]},
            "urgent",
            "Support desk: a person has to sign in to tickets again",
            "Its authorization server does not take our sign-in any more (invalid_grant). One heartbeat that uses it "
            "pauses when next due, and goes on once somebody has signed in.",
        ),
        (
            LOST | {"heartbeats": [], "per_member": True, "member_id": "mem_1"},
            "urgent",
            "Support desk: the subscriber mem_1 has to sign in to tickets again",
            "Its authorization server does not take our sign-in any more (invalid_grant).",
        ),
        (
            LOST | {"heartbeats": ["hb_1"], "code": "insufficient_scope", "scopes": ["tickets:write"]},
            "normal",
            "Support desk: tickets wants another permission",
            "It wants more than it was granted: tickets:write. What it was granted goes on to work.",
        ),
    ],
)
async def test_a_sign_in_that_is_needed_says_who_waits(
    world: StoreWorld, receiver: Receiver, data: dict, priority: str, title: str, text: str
) -> None:
    world.target(receiver.url)
    world.database.write_now(lambda c: record_shared_event(c, [world.heartbeat], SIGN_IN_NEEDED, data, world.now))
    [notification] = world.notifications()
    assert await read(world, receiver, notification.uuid) == (priority, title, f"{text}\n{SIGN_IN}")


async def test_a_sign_in_that_several_wait_for_says_how_many(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    data = LOST | {"heartbeats": ["hb_1", "hb_2"]}
    world.database.write_now(lambda c: record_shared_event(c, [world.heartbeat], SIGN_IN_NEEDED, data, world.now))
    [notification] = world.notifications()
    _, _, text = await read(world, receiver, notification.uuid)
    assert "2 heartbeats that use it pause when next due, and go on once somebody has signed in." in text


BOOK = {"tool": "desk__book", "tool_id": "tool_1", "gone": False, "difference": "-one\n+two"}
GONE = {"tool": "desk__sell", "tool_id": "tool_1", "gone": True}


@pytest.mark.parametrize(
    ("data", "title", "text"),
    [
        (
            {"tools": [BOOK]},
            "Disks: its tool desk__book changed and is not used any more",
            "desk__book is described in another way than when it was connected:\n-one\n+two",
        ),
        (
            {"tools": [GONE, BOOK], "again": True},
            "Disks: its tool desk__sell and 1 more is still not used, because it changed",
            "desk__sell is not offered by its server any more.\ndesk__book is described in another way",
        ),
    ],
)
async def test_a_tool_that_changed_is_named_with_what_is_other(
    world: StoreWorld, receiver: Receiver, data: dict, title: str, text: str
) -> None:
    world.target(receiver.url)
    world.database.write_now(lambda c: record_event(c, world.heartbeat, TOOL_CHANGED, data, world.now))
    [notification] = world.notifications()
    _, read_title, read_text = await read(world, receiver, notification.uuid)
    assert (read_title, read_text[: len(text)]) == (title, text)


async def test_the_message_of_a_sign_in_links_to_it(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url, cooldown_seconds=3600)
    await world.deliver(*world.fails().notification_uuids)
    secrets = {"secret_keys": SecretStr(new_key()), "public_url": "https://heartbeat.example/"}
    world.settings = world.settings.model_copy(update=secrets)
    data = LOST | {"heartbeats": []}
    world.database.write_now(lambda c: record_shared_event(c, [world.heartbeat], SIGN_IN_NEEDED, data, world.now))
    [uuid] = world.database.read_now(overdue_notifications, world.now, 10)
    assert (await world.deliver(uuid)).status == "delivered", "at once, whatever was sent before"
    link = httpx.URL(receiver.received[-1].json["data"]["link"])
    assert (link.host, link.path) == ("heartbeat.example", "/oauth/connect")
    assert read_link(world.settings, link.params["link"], world.now) == ConnectLink("tool_1", None, world.now)


async def test_what_an_agent_did_has_a_link_to_rate_it(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    secrets = {"secret_keys": SecretStr(new_key()), "public_url": "https://heartbeat.example/"}
    world.settings = world.settings.model_copy(update=secrets)
    uuids = [*world.reports(DISK).notification_uuids, *world.fails().notification_uuids]
    for uuid in uuids:
        await world.deliver(uuid)
    finding, failure = (request.json["data"] for request in receiver.received)
    assert (failure["link"], failure["rating_link"], finding["link"]) == (None, None, None)
    page, _, token = finding["rating_link"].partition("?token=")
    log = finding["details"]["run"]
    assert page == f"https://heartbeat.example/ratings/{log}"
    assert Keyring.from_settings(world.settings).open(token, f"rating:{log}") == ""


async def test_a_drop_in_quality_says_the_shares_and_links_to_the_heartbeat(
    world: StoreWorld, receiver: Receiver
) -> None:
    world.target(receiver.url)
    world.settings = world.settings.model_copy(update={"public_url": "https://heartbeat.example/"})
    shares = {"recent": {"good": 6, "of": 10}, "before": {"good": 30, "of": 30}, "chance": 0.002298}
    data = {"run": "log_1", **shares}
    [uuid] = world.database.write_now(lambda c: record_event(c, world.heartbeat, QUALITY_DROPPED, data, world.now))
    priority, title, text = await read(world, receiver, uuid)
    assert (priority, title) == ("normal", "Disks is doing worse than before")
    assert text.startswith("6 of the last 10 runs were good, before them 30 of 30.\n")
    assert receiver.received[-1].json["data"]["link"] == f"https://heartbeat.example/heartbeats/{world.heartbeat.uuid}"


async def test_a_model_that_is_down_and_back_is_named_with_the_one_in_its_place(
    world: StoreWorld, receiver: Receiver
) -> None:
    world.target(receiver.url)
    run = world.database.write_now(lambda c: run_by_uuid(c, a_run(c, world.heartbeat, model="openai:m")))
    for fallback in (Fallback("anthropic:claude-x", "overloaded"), Fallback("openai:m")):
        world.now += timedelta(minutes=20)
        world.database.write_now(lambda c, fallback=fallback: note_model(c, run, fallback, world.now))
    down, back = [await read(world, receiver, row.uuid) for row in world.notifications()]
    assert down == (
        "normal",
        "Disks: another model answers",
        "openai:m does not answer (overloaded), so anthropic:claude-x does in its place.\n"
        "You are told once it answers again, and of no other heartbeat that asks it meanwhile.",
    )
    since = "Friday, 20 November 2026, 12:20 (UTC)"
    assert back == (
        "low",
        "Disks: its own model answers again",
        f"openai:m answers again, which it did not since {since}.",
    )


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        (
            GATE_FAILED,
            {"source": "https://example.com/feed", "on_error": "skip", "message": "It answered 503."},
            "It answered 503.\nUntil it can be read again, each tick is skipped.",
        ),
        (
            GATE_RECOVERED,
            {"source": "https://example.com/feed", "on_error": "run", "since": "2026-11-20T12:00:00+00:00"},
            "It could not be read since Friday, 20 November 2026, 12:00 (UTC).",
        ),
    ],
)
async def test_a_gate_that_fails_and_one_that_works_again(
    world: StoreWorld, receiver: Receiver, kind: str, data: dict[str, str], said: str
) -> None:
    world.target(receiver.url)
    uuids = world.database.write_now(lambda c: record_event(c, world.heartbeat, kind, data, world.now))
    _, title, text = await read(world, receiver, *uuids)
    assert title.startswith("Disks: its gate https://example.com/feed can")
    assert text == said
