"""Whatever a request's headers and form are made of, it is answered, and never with a mistake of ours."""

from itertools import product

import httpx
import pytest
from fastapi.routing import APIRoute

from api.dashboard.forms import MAX_FIELDS
from api.dashboard.router import pages
from tests.support.dashboard import Owner

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

NAMES = (
    *(b"host", b"origin", b"referer", b"cookie", b"accept", b"accept-language", b"content-type", b"content-length"),
    *(b"authorization", b"idempotency-key", b"x-request-id", b"x-forwarded-proto", b"x-forwarded-for", b"range"),
    *(b"last-event-id", b"if-none-match", b"sec-fetch-site", b"user-agent"),
)
VALUES = (
    *(b"", b"http://[", b"[::1", b"x:99999", b"\xff\xfe", b"%", b';=;,="', b"-1", b"\xd9\xa3", b"q=;q=x,*;"),
    b"a" * 9_000,
)
ADDRESSES = (("GET", "/tasks"), ("GET", "/sign-in/once"), ("POST", "/v1/bot/heartbeat/configure"))
BODIES = (
    "&".join(f"a{number}=1" for number in range(11)).encode(),
    b"&".join([b"a=1"] * (MAX_FIELDS + 1)),
    b"\xff=%ff;%&=&&=+=%00%u1234&[]=1&a[=2",
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n',
)


@pytest.mark.parametrize(("method", "address"), ADDRESSES)
async def test_whatever_stands_in_a_header(owner: Owner, method: str, address: str) -> None:
    cookie = b"; ".join(f"{name}={value}".encode() for name, value in owner.browser.cookies.items())
    usual = {b"host": b"dash.test", b"cookie": cookie, b"authorization": f"Bearer {owner.key}".encode()}
    usual |= {b"sec-fetch-site": b"same-origin", b"content-type": b"application/json"}
    for name, value in product(NAMES, VALUES):
        headers = [*(usual | {name: value}).items()]
        answer = await _sent(owner.browser, method, address, headers, b"{}")
        assert answer.status_code < 500, (name, value, answer.text)


@pytest.mark.parametrize("body", BODIES)
async def test_whatever_stands_in_a_form(owner: Owner, body: bytes) -> None:
    headers = [(b"sec-fetch-site", b"same-origin"), (b"content-type", b"application/x-www-form-urlencoded")]
    for path in [page.path for page in pages if isinstance(page, APIRoute) and "POST" in page.methods]:
        if path not in ("/sign-out", "/hold"):
            answer = await _sent(owner.browser, "POST", path.replace("{uuid}", owner.heartbeat.uuid), headers, body)
            assert answer.status_code < 500, (path, answer.text)


async def _sent(
    browser: httpx.AsyncClient, method: str, address: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> httpx.Response:
    content = body if method == "POST" else None
    request = browser.build_request(method, address, headers=headers, content=content)
    return await browser.send(request)
