"""An authenticator on a phone, and how a person sets it up in the dashboard."""

import re
from dataclasses import dataclass
from datetime import timedelta

import pyotp

from tests.support.dashboard import Browser, MovedClock
from tests.support.people import PASSWORD


@dataclass
class Authenticator:
    """An app on a phone."""

    secret: str
    clock: MovedClock

    def code(self) -> str:
        """Wait for the next code: none counts twice."""
        self.clock.time += timedelta(seconds=30)
        return pyotp.TOTP(self.secret).at(self.clock.time)


async def set_up(browser: Browser, clock: MovedClock) -> tuple[Authenticator, list[str]]:
    """Turn it on as a person does; returns the authenticator and the recovery codes."""
    page = await browser.page("/account/second-factor")
    secret = found_in(r'id="secret">([A-Z2-7 ]+)<', page).replace(" ", "")
    sealed = found_in(r'name="sealed" value="([^"]+)"', page)
    phone = Authenticator(secret, clock)
    for code, current in (("000000", PASSWORD), (phone.code(), "not the password")):
        refused = await browser.submit("/account/second-factor", sealed=sealed, code=code, current=current)
        assert (refused.status_code, secret[:4] in refused.text) == (400, True)
    shown = await browser.submit("/account/second-factor", sealed=sealed, code=phone.code(), current=PASSWORD)
    assert shown.status_code == 200
    return phone, re.findall(r"[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}", shown.text)


def found_in(pattern: str, page: str) -> str:
    """The one place of a page that has this pattern."""
    [found] = re.findall(pattern, page)
    return str(found)
