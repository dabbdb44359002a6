"""Apprise, at the operator's addresses alone: a real receiver of its `json://` on loopback."""

import logging
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from heartbeat.cli.settings_errors import explain
from heartbeat.domain.errors import Invalid
from heartbeat.notifications.channels import apprise
from heartbeat.notifications.channels.message import Message, NotNow, Unconfirmed
from heartbeat.notifications.channels.registry import check_available, send
from heartbeat.notifications.channels.texts import ZERO_WIDTH_SPACE
from heartbeat.settings import Settings
from tests.support.databases import everything
from tests.support.receiver import Receiver, says
from tests.support.store_world import StoreWorld

CANARY = "canary7f3a91c2"
# One of the services it loads still asks for a module that Python is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def operated(receiver: Receiver, more: str = "") -> Settings:
    """What the operator set up; nothing is let out, for Apprise does not ask."""
    ops = f"json://ada:{CANARY}@127.0.0.1:{receiver.port}/{CANARY}{more}"
    return Settings(_env_file=None, apprise_targets={"ops": ops, "night": f"nonsense://{CANARY}"})


async def failure(message: Message, settings: Settings, name: str = "ops", kind: type[NotNow] = NotNow) -> str:
    """How sending fails: always so that it may work later, and without a word of the address."""
    with pytest.raises(NotNow) as failed:
        await send("apprise", {"name": name}, {}, message, settings)
    assert type(failed.value) is kind
    assert CANARY not in str(failed.value)
    assert "127.0.0.1" not in str(failed.value)
    return str(failed.value)


async def test_the_operators_receiver_gets_the_message(receiver: Receiver, message: Message) -> None:
    await send("apprise", {"name": "ops"}, {}, message, operated(receiver))
    [request] = receiver.received
    assert (request.method, request.path) == ("POST", f"/{CANARY}")
    payload = request.json
    assert (payload["title"], payload["type"]) == ("Disk is full on db-1", "info")
    body, link, origin = payload["message"].split("\n\n")
    assert body.startswith("At 98 %.\n")
    assert f"[safe.example]{ZERO_WIDTH_SPACE}(https://evil.example)" in body
    assert (link, origin) == (message.link, "Watcher · Disks · 2026-11-22 17:30 UTC")


async def test_a_long_message_is_cut(receiver: Receiver, message: Message) -> None:
    await send("apprise", {"name": "ops"}, {}, replace(message, body="x" * 50_000), operated(receiver))
    assert "(cut; 50,000 characters in all)" in receiver.received[0].json["message"]


@pytest.mark.parametrize("status", ["302 Found", "404 Not Found", "410 Gone", "503 Service Unavailable"])
@pytest.mark.parametrize("more", ["", "?optional=yes"])
async def test_whatever_is_answered_but_yes_is_tried_again(
    status: str, more: str, receiver: Receiver, message: Message
) -> None:
    receiver.answer = says(status, CANARY, location=f"{receiver.url}/elsewhere")
    said = await failure(message, operated(receiver, more))
    assert said == f"Apprise could not hand the message to ops: it answered {status[:3]}."
    assert [request.path for request in receiver.received] == [f"/{CANARY}"]


async def test_nobody_there(message: Message) -> None:
    async with Receiver() as receiver:
        pass
    assert await failure(message, operated(receiver)) == (
        "Apprise could not hand the message to ops: it could not be reached, or refused it."
    )


async def test_silence_ends(receiver: Receiver, message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise, "SECONDS", 0.5)
    receiver.answer = None
    # Its own patience is short as well, or its thread would outlive the test.
    assert "within 0.5 s" in await failure(message, operated(receiver, "?rto=0.8"), kind=Unconfirmed)
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "it did not answer; the message may have arrived"),
        (b"", "it did not answer; the message may have arrived"),
        (says("502 Bad Gateway"), "it answered 502"),
    ],
)
async def test_a_service_that_has_the_message_and_says_nothing_may_have_taken_it(
    answer: bytes | None, words: str, receiver: Receiver, message: Message
) -> None:
    receiver.answer = answer
    problem = await failure(message, operated(receiver, "?rto=0.2"), kind=Unconfirmed)
    assert problem == f"Apprise could not hand the message to ops: {words}."


async def test_an_address_that_apprise_cannot_read(receiver: Receiver, message: Message) -> None:
    assert "cannot read the address" in await failure(message, operated(receiver), "night")


async def test_a_name_that_the_operator_took_away(receiver: Receiver, message: Message) -> None:
    assert "must be one of night, ops" in await failure(message, operated(receiver), "day")
    assert receiver.received == []


async def test_nothing_of_the_address_is_logged(
    receiver: Receiver, message: Message, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = operated(receiver)
    await send("apprise", {"name": "ops"}, {}, message, settings)
    receiver.answer = says("500 Internal Server Error", CANARY)
    await failure(message, settings)
    await failure(message, settings, "night")
    out, err = capfd.readouterr()
    assert CANARY not in caplog.text + out + err + repr(settings) + str(settings.model_dump())
    assert len(receiver.received) == 2


def test_what_is_missing_here_is_said_when_a_target_is_made(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = operated(receiver)
    check_available("apprise", {"name": "ops"}, settings)
    with pytest.raises(Invalid, match=r"config\.name: must be one of night, ops$"):
        check_available("apprise", {"name": "day"}, settings)
    with pytest.raises(Invalid, match="has set up no HEARTBEAT_APPRISE_TARGETS"):
        check_available("apprise", {"name": "ops"}, Settings(_env_file=None))
    monkeypatch.setattr(apprise, "find_spec", lambda name: None)
    with pytest.raises(Invalid, match=r"pip install 'heartbeat-server\[apprise\]'"):
        check_available("apprise", {"name": "ops"}, settings)


@pytest.mark.parametrize("value", [f'{{"{CANARY} 1": "json://a"}}', f'{{"ops": ["{CANARY}"]}}', f'"{CANARY}"', CANARY])
def test_a_setting_that_is_wrong_is_not_repeated(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pydantic_settings import SettingsError

    monkeypatch.setenv("HEARTBEAT_APPRISE_TARGETS", value)
    with pytest.raises((ValidationError, SettingsError)) as wrong:
        Settings(_env_file=None)
    assert "apprise_targets" in explain(wrong.value).lower()
    assert CANARY not in explain(wrong.value)


def test_apprise_is_loaded_by_its_first_message_alone() -> None:
    program = "import sys, heartbeat.notifications.channels.registry; print('apprise' in sys.modules)"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


async def test_a_delivery_shows_its_trouble_and_not_the_address(
    world: StoreWorld, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    targets = operated(receiver).apprise_targets
    world.settings = world.settings.model_copy(update={"apprise_targets": targets})
    world.target(channel="apprise", config={"name": "ops"})
    receiver.answer = says("500 Internal Server Error", CANARY)
    [uuid] = world.fails().notification_uuids
    assert (await world.deliver(uuid)).retry_seconds == 5
    [row] = world.notifications()
    assert row.last_error == "Apprise could not hand the message to ops: it answered 500."
    receiver.answer = says("200 OK")
    assert (await world.deliver(uuid, timedelta(seconds=5))).status == "delivered"
    assert [request.json["title"] for request in receiver.received] == ["Disks failed"] * 2
    assert CANARY not in caplog.text
    assert CANARY.encode() not in everything(world.database)
