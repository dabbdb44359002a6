"""What people type, and what opens their accounts, is nowhere afterwards: in no row, log, metric or answer."""

import logging
import re
from datetime import UTC, datetime

import httpx
import pytest
from pydantic import SecretStr

from api.dashboard.session import COOKIE
from heartbeat.domain.secret_keys import new_key
from heartbeat.settings import Settings
from heartbeat.store.users.passwords import new_reset
from heartbeat.store.users.users import user_by_email
from tests.support.authenticator import set_up
from tests.support.dashboard import Browser, MovedClock, Owner
from tests.support.databases import ON_SQLITE, everything
from tests.support.people import PASSWORD, invited
from tests.support.secret_forms import forms

ADA = "ada@example.com"
MISTYPED, ANOTHER = "correct hose battery", "canary of another password"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"secret_keys": SecretStr(new_key())})


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@ON_SQLITE
async def test_no_secret_of_a_person_is_anywhere(
    owner: Owner, stranger: Browser, clock: MovedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    heard: list[str] = []

    async def hear(answer: httpx.Response) -> None:
        heard.append(f"{answer.headers}\n{(await answer.aread()).decode()}")

    stranger.event_hooks = {"response": [hear]}
    secrets = {"invitation": await invited(owner.database, owner.project, ADA)}
    for password in ("short", PASSWORD):
        await stranger.submit("/join", token=secrets["invitation"], name="Ada", password=password)
    phone, recovery = await set_up(stranger, clock)
    secrets |= {"session": stranger.cookies[COOKIE], "authenticator": phone.secret, "recovery code": recovery[0]}
    shown = len(heard)
    await stranger.submit("/sign-out")
    for password in (MISTYPED, PASSWORD):
        page = (await stranger.submit("/sign-in", email=ADA, password=password, next="/runs")).text
    [challenge] = re.findall(r'name="challenge" value="([^"]+)"', page)
    for code in ("000000", recovery[0], recovery[1]):
        came = await stranger.submit("/sign-in/code", challenge=challenge, code=code)
    assert came.status_code == 303
    secrets |= {"another session": stranger.cookies[COOKIE], "another recovery code": recovery[1]}
    await stranger.submit("/account/password", current=MISTYPED, password=ANOTHER)
    for path in ("/account", "/audit", "/sessions", "/members", "/metrics"):
        assert (await stranger.get(path)).status_code == 200
    ada = owner.database.read_now(user_by_email, ADA)
    assert ada is not None
    secrets["link"] = owner.database.write_now(new_reset, ada, datetime.now(UTC))
    set_anew = await stranger.submit("/new-password", token=secrets["link"], password=ANOTHER)
    assert set_anew.status_code == 303

    typed = {"password": PASSWORD, "mistyped": MISTYPED, "another password": ANOTHER}
    assert found(typed, "\n".join(heard).encode()) == []
    kept_from = {name: secret for name, secret in secrets.items() if "session" not in name}
    assert found(kept_from, "\n".join(heard[shown:]).encode()) == []
    rows = everything(owner.database)
    assert b"$argon2id$" in rows
    assert found(secrets | typed, rows + caplog.text.encode()) == []


def found(secrets: dict[str, str], text: bytes) -> list[str]:
    """Which of them are there, as they are or inside of base64."""
    return [name for name, secret in secrets.items() if any(form in text for form in forms(secret))]
