"""The forms of notification targets: every channel can be set up, tried before it is saved, changed and deleted."""

import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any, get_args

import pytest

from api.dashboard.views.channel_hints import CHANNEL_HINTS, EVENT_HINTS, SECURITY
from api.dashboard.views.target_form import controls
from api.schemas.notifications import Kind
from heartbeat.notifications.channels.email import Config as EmailConfig
from heartbeat.notifications.channels.registry import CHANNELS
from heartbeat.notifications.delivery import open_config
from heartbeat.secrets.key_file import make_key_file
from heartbeat.secrets.keyring import Keyring
from heartbeat.settings import Settings
from heartbeat.store.bots.subscribers import create_subscriber
from heartbeat.store.database.pages import Page
from heartbeat.store.notifications.targets import ListedTarget, targets
from heartbeat.store.tables.notifications import Target
from tests.support.channel_configs import set_up
from tests.support.dashboard import Browser, Owner, an_owner, browsing
from tests.support.receiver import Receiver
from tests.support.seeds import NOW, access_to

FORM = {"name": "Team", "every": "on", "cooldown_seconds": "0", "cooldown_unit": "60", "is_enabled": "on"}


def test_each_field_of_each_channel_is_explained() -> None:
    settings = Settings(_env_file=None, apprise_targets={"ops": "mailtos://a:b@example.com"})
    assert {channel: set(hint.fields) for channel, hint in CHANNEL_HINTS.items()} == {
        channel: set(one.config.model_fields) for channel, one in CHANNELS.items()
    }
    types = {channel: {field.name: field.type for field in controls(channel, settings)} for channel in CHANNELS}
    assert types["telegram"] == {
        "config.token": "password",
        "config.chat_id": "text",
        "config.message_thread_id": "number",
        "config.api_url": "text",
    }
    assert types["email"]["config.password"] == "password"
    assert types["email"]["config.port"] == "number"
    [place] = controls("apprise", settings)
    assert place.options == (("ops", "ops"),)
    assert EmailConfig.model_fields["security"].annotation.__args__ == tuple(SECURITY)


def test_each_kind_of_event_can_be_chosen() -> None:
    assert set(EVENT_HINTS) == set(get_args(Kind))


@pytest.fixture
async def browser(owner: Owner, tmp_path: Any) -> AsyncIterator[Browser]:
    """The owner's browser, before an application that may speak to loopback and can seal secrets."""
    make_key_file(tmp_path)
    owner.settings = owner.settings.model_copy(update={"egress_allow": ["127.0.0.1"], "data_dir": tmp_path})
    async with browsing(owner.settings, owner.database, owner.temporal) as browser:
        await browser.sign_in(owner.key)
        yield browser


async def listed(owner: Owner) -> list[ListedTarget]:
    rows, _ = await owner.database.read(lambda c: targets(c, access_to(c, owner.bot), Page(1, 100)))
    return rows


def secrets_of(owner: Owner, target: Target) -> dict[str, str]:
    return open_config(Keyring.from_settings(owner.settings), target)


def named(config: dict[str, Any]) -> dict[str, str]:
    return {f"config.{name}": str(value) for name, value in config.items()}


def shown(page: str) -> dict[str, str]:
    """The values of the inputs of a page, by name."""
    inputs = re.findall(r'<input id="([^"]+)" name="[^"]+" value="([^"]*)"', page)
    return {name: unescape(value) for name, value in inputs}


@pytest.mark.parametrize("channel", ["webhook", "slack", "discord", "telegram", "teams", "ntfy"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_channel_is_tried_before_it_is_saved(owner: Owner, browser: Browser, channel: str) -> None:
    path = f"/notifications/new?channel={channel}"
    proposed = {name: value for name, value in shown(await browser.page(path)).items() if name.startswith("config.")}
    async with Receiver() as receiver:
        typed = {**FORM, **proposed, **named(set_up(channel, receiver)), "draft": "form_of_one_target"}
        tried = await browser.submit(path, **typed, do="test")
        assert (tried.status_code, len(receiver.received)) == (200, 1)
        assert "The message was taken" in tried.text
        assert b"before it was saved" in receiver.received[0].body
        assert await listed(owner) == []
        # What was typed is all there still, secrets too, to be saved as it was tried.
        assert {name: shown(tried.text)[name] for name in typed if name.startswith("config.")} == {
            name: value for name, value in typed.items() if name.startswith("config.")
        }
        # A second click makes no second target.
        saved, _ = [await browser.submit(path, **typed, do="save") for _ in range(2)]
    assert saved.headers["location"] == "/notifications?done=added"
    [target] = await listed(owner)
    kept = {**target.target.config, **secrets_of(owner, target.target)}
    assert {name: str(kept[name]) for name in set_up(channel, receiver)} == {
        name: str(value) for name, value in set_up(channel, receiver).items()
    }
    page = await browser.page(saved.headers["location"])
    assert "The target was added" in page
    assert "sesame" not in page


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_does_not_arrive_is_said_in_the_form(owner: Owner, browser: Browser) -> None:
    async with Receiver(answer=b"HTTP/1.1 403 Forbidden\r\ncontent-length: 5\r\n\r\ngo!\r\n") as receiver:
        typed = {**FORM, **named(set_up("slack", receiver))}
        tried = await browser.submit("/notifications/new?channel=slack", **typed, do="test")
    assert "The message did not arrive" in tried.text
    assert "403 Forbidden" in tried.text
    assert await listed(owner) == []


@pytest.mark.parametrize(
    ("channel", "fields", "field", "words"),
    [
        ("slack", {"config.url": "https://example.com/x"}, "config.url", "hooks.slack.com"),
        ("telegram", {"config.token": "1:2", "config.chat_id": "1"}, "config.token", "as BotFather gives it"),
        ("telegram", {"config.chat_id": "1"}, "config.token", "Field required"),
        ("ntfy", {"config.topic": "a b"}, "config.topic", "letters, digits"),
        ("slack", {"name": "n" * 201}, "name", "at most 200"),
        ("slack", {"every": "", "config.url": "https://hooks.slack.com/services/T/B/x"}, "events", "at least 1"),
        ("slack", {"cooldown_seconds": "9", "cooldown_unit": "86400"}, "cooldown_seconds", "at most 604800"),
        ("slack", {"cooldown_seconds": "soon"}, "cooldown_seconds", "whole number"),
        ("slack", {"cooldown_seconds": "9" * 5_000}, "cooldown_seconds", "too large"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_wrong_field_is_named_and_nothing_typed_is_lost(
    owner: Owner, browser: Browser, channel: str, fields: dict[str, str], field: str, words: str
) -> None:
    typed = {**FORM, **fields}
    answer = await browser.submit(f"/notifications/new?channel={channel}", **typed, do="save")
    assert answer.status_code == 400
    [said] = re.findall(rf'<p class="problem" id="{re.escape(field)}-said" role="alert">(.*?)</p>', answer.text)
    assert words in said
    values = shown(answer.text)
    assert {name: values[name] for name in fields if name in values} == {
        name: value for name, value in fields.items() if name in values
    }
    assert await listed(owner) == []


async def test_a_target_is_changed_and_its_secrets_stay_unseen(owner: Owner, browser: Browser) -> None:
    path = "/notifications/new?channel=ntfy"
    config = {"topic": "sesame_topic", "token": "tk_sesame", "server": "https://ntfy.sh"}
    await browser.submit(path, **FORM, **named(config), owner=owner.bot.uuid)
    [before] = await listed(owner)
    assert before.bot_uuid == owner.bot.uuid
    place = f"/notifications/targets/{before.target.uuid}"
    page = await browser.page(place)
    assert "sesame" not in page
    assert shown(page)["config.server"] == "https://ntfy.sh"
    changes = {"name": "Phone", "events": "run.failed", "cooldown_seconds": "2", "cooldown_unit": "3600"}
    answer = await browser.submit(place, **changes, **named({**config, "topic": "", "token": ""}))
    assert answer.headers["location"] == "/notifications?done=changed"
    [after] = await listed(owner)
    row = after.target
    assert (row.name, row.events, row.cooldown_seconds, row.is_enabled) == ("Phone", ["run.failed"], 7200, False)
    assert secrets_of(owner, row) == {"topic": "sesame_topic", "token": "tk_sesame"}
    page = await browser.page(place)
    assert (shown(page)["cooldown_seconds"], 'value="3600" selected' in page) == ("2", True)
    await browser.submit(place, **changes, **named({**config, "topic": "", "token": ""}), forget="token")
    assert secrets_of(owner, (await listed(owner))[0].target) == {"topic": "sesame_topic"}


async def test_a_target_is_switched_off_and_on_and_deleted_after_a_question(owner: Owner, browser: Browser) -> None:
    url = "https://hooks.slack.com/services/T/B/sesame"
    await browser.submit("/notifications/new?channel=slack", **FORM, **named({"url": url}))
    [target] = await listed(owner)
    place = f"/notifications/targets/{target.target.uuid}"
    for to, enabled in (("off", False), ("on", True)):
        answer = await browser.submit(f"{place}/switch", to=to)
        assert answer.headers["location"] == f"/notifications?done={to}"
        assert (await listed(owner))[0].target.is_enabled is enabled
    question = await browser.page(f"{place}/delete")
    assert "Delete this target?" in question
    assert len(await listed(owner)) == 1
    assert (await browser.submit(f"{place}/delete")).headers["location"] == "/notifications?done=deleted"
    assert await listed(owner) == []
    assert (await browser.get(place)).status_code == 404


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_target_can_be_of_a_heartbeat_or_a_subscriber(owner: Owner, browser: Browser) -> None:
    member = await owner.database.write(
        lambda c: create_subscriber(c, access_to(c, owner.bot), "ada@example.com", "Ada", NOW)
    )
    assert f"of={owner.bot.uuid}/heartbeat_id/" in await browser.page(
        f"/notifications?heartbeat={owner.heartbeat.uuid}"
    )
    of = {
        f"{owner.bot.uuid}/heartbeat_id/{owner.heartbeat.uuid}": (owner.bot.uuid, owner.heartbeat.uuid, None),
        f"{owner.bot.uuid}/member_id/{member.uuid}": (owner.bot.uuid, None, member.uuid),
        "": (None, None, None),
    }
    config = named({"url": "https://hooks.slack.com/services/T/B/x"})
    for value, ids in of.items():
        page = await browser.page(f"/notifications/new?channel=slack&of={value}")
        assert f'<option value="{value}" selected>' in page
        await browser.submit("/notifications/new?channel=slack", **FORM, **config, owner=value)
        row = (await listed(owner))[-1]
        assert (row.bot_uuid, row.heartbeat_uuid, row.member_uuid) == ids
    odd = await browser.submit("/notifications/new?channel=slack", **FORM, **config, owner="bot_x/heartbeat_id/hb_x")
    assert (odd.status_code, "There is no bot" in odd.text) == (400, True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_webhook_proposes_a_secret_and_shows_one_that_was_made_up_once(owner: Owner, browser: Browser) -> None:
    page = await browser.page("/notifications/new?channel=webhook")
    assert shown(page)["config.secret"].startswith("whsec_")
    typed = {**FORM, "config.url": "https://example.com/hook?key=sesame", "config.secret": ""}
    answer = await browser.submit("/notifications/new?channel=webhook", **typed, do="save")
    [secret] = re.findall(r"<code>(whsec_[^<]+)</code>", answer.text)
    [target] = await listed(owner)
    assert secrets_of(owner, target.target)["secret"] == secret
    page = await browser.page(f"/notifications/targets/{target.target.uuid}")
    assert "whsec_" not in page
    assert "sesame" not in page
    # Saved as it is shown, the query of the address stays.
    await browser.submit(f"/notifications/targets/{target.target.uuid}", **FORM | shown(page))
    assert secrets_of(owner, (await listed(owner))[0].target)["url"] == "https://example.com/hook?key=sesame"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_nobody_touches_the_targets_of_others(owner: Owner, browser: Browser) -> None:
    url = "https://hooks.slack.com/services/T/B/sesame"
    await browser.submit("/notifications/new?channel=slack", **FORM, **named({"url": url}))
    [target] = await listed(owner)
    place = f"/notifications/targets/{target.target.uuid}"
    async with browsing(owner.settings, owner.database, owner.temporal) as stranger:
        other = await an_owner(owner.settings, owner.database, owner.temporal, stranger, "Rival")
        for path in (place, f"{place}/switch", f"{place}/delete"):
            assert (await stranger.submit(path, to="off")).status_code == 401
        await stranger.sign_in(other.key)
        for path in (place, f"{place}/switch", f"{place}/delete"):
            assert (await stranger.submit(path, **FORM, to="off")).status_code == 404
        fields = {**FORM, **named({"url": url}), "owner": owner.bot.uuid}
        taken = await stranger.submit("/notifications/new?channel=slack", **fields)
        assert (taken.status_code, "There is no bot" in taken.text) == (400, True)
    assert (await listed(owner))[0].target == target.target
