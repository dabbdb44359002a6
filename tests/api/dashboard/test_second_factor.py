"""A code beside the password: set up, asked for at sign-in, never taken twice, and turned off."""

from datetime import UTC, datetime

import httpx
import pytest
from pydantic import SecretStr

from api.dashboard.session import COOKIE
from heartbeat.domain.secret_keys import new_key
from heartbeat.settings import Settings
from heartbeat.store.users.passwords import new_reset
from heartbeat.store.users.users import USER, user_by_email
from tests.support.authenticator import found_in, set_up
from tests.support.dashboard import Browser, MovedClock, Owner
from tests.support.people import PASSWORD, signed_up

ADA = "ada@example.com"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """An installation with a secret key."""
    return settings.model_copy(update={"secret_keys": SecretStr(new_key())})


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


async def challenged(browser: Browser, **fields: str) -> str:
    """Give the right password; returns what the page of the code keeps."""
    answer = await browser.submit("/sign-in", email=ADA, password=PASSWORD, **fields)
    assert (answer.status_code, COOKIE in browser.cookies) == (200, False)
    return found_in(r'name="challenge" value="([^"]+)"', answer.text)


async def enter(browser: Browser, challenge: str, code: str) -> httpx.Response:
    return await browser.submit("/sign-in/code", challenge=challenge, code=code, next="/runs")


async def test_a_code_is_asked_for_and_counts_once(
    owner: Owner, stranger: Browser, other: Browser, clock: MovedClock
) -> None:
    await signed_up(stranger, owner.database, owner.project, ADA, "viewer")
    phone, recovery = await set_up(stranger, clock)
    assert len(recovery) == 10
    challenge = await challenged(other)
    assert (await enter(other, challenge, "123")).status_code == 401
    code = phone.code()
    inside = await enter(other, challenge, code)
    assert (inside.status_code, inside.headers["location"]) == (303, "/runs")
    other.cookies.clear()
    assert (await enter(other, await challenged(other), code)).status_code == 401
    assert (await enter(other, await challenged(other), recovery[0].lower())).status_code == 303
    other.cookies.clear()
    assert (await enter(other, await challenged(other), recovery[0])).status_code == 401
    for none in ("", "v1.x.y", challenge[:-4]):
        assert "too long" in (await enter(other, none, recovery[1])).text
    kept = await owner.database.read(lambda c: str(c.execute(USER.select()).all()))
    assert not [secret for secret in (*recovery, code, PASSWORD) if secret in kept]


async def test_a_link_to_another_password_does_not_sign_in_without_a_code(
    owner: Owner, stranger: Browser, other: Browser, clock: MovedClock
) -> None:
    await signed_up(stranger, owner.database, owner.project, ADA)
    phone, _ = await set_up(stranger, clock)
    challenge = await challenged(other)
    ada = await owner.database.read(user_by_email, ADA)
    assert ada is not None
    token = await owner.database.write(new_reset, ada, datetime.now(UTC))
    answer = await other.submit("/new-password", token=token, password="another password")
    assert (answer.headers["location"], COOKIE in other.cookies) == ("/sign-in", False)
    too_late = await enter(other, challenge, phone.code())
    assert (too_late.status_code, "too long" in too_late.text) == (401, True)


async def test_who_guesses_codes_waits_from_wherever_and_a_recovery_code_does_not(
    owner: Owner, stranger: Browser, other: Browser, clock: MovedClock
) -> None:
    await signed_up(stranger, owner.database, owner.project, ADA)
    phone, recovery = await set_up(stranger, clock)
    challenge, code = await challenged(other), phone.code()
    for _ in range(owner.settings.free_failures + 1):
        await enter(other, challenge, "000000")
    waits = await enter(other, challenge, code)
    assert (waits.status_code, "retry-after" in waits.headers) == (429, True)
    assert (await other.submit("/sign-in", email=ADA, password=PASSWORD)).status_code == 200
    assert (await enter(other, challenge, recovery[0])).status_code == 303


async def test_it_is_turned_off_with_the_password_and_a_code(
    owner: Owner, stranger: Browser, other: Browser, clock: MovedClock
) -> None:
    await signed_up(stranger, owner.database, owner.project, ADA)
    assert (await other.submit("/sign-in", email=ADA, password=PASSWORD)).status_code == 303
    _, recovery = await set_up(stranger, clock)
    assert (await other.get("/")).status_code == 303
    other.cookies.clear()
    for code, current in (("000000", PASSWORD), (recovery[0], "not the password")):
        assert (await stranger.submit("/account/second-factor/off", code=code, current=current)).status_code == 400
    assert "10 recovery codes" in await stranger.page("/account/second-factor")
    off = await stranger.submit("/account/second-factor/off", code=recovery[0], current=PASSWORD)
    assert off.headers["location"] == "/account?done=off"
    assert (await other.submit("/sign-in", email=ADA, password=PASSWORD)).status_code == 303
