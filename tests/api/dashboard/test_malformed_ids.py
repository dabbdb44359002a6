"""A character that PostgreSQL takes in no text is answered, as an id and in a field, whoever sends it."""

import re

import pytest
from fastapi.routing import APIRoute

from api.dashboard.render import ASSETS
from api.dashboard.router import pages
from tests.support.dashboard import Browser, Owner
from tests.support.people import signed_up

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

NUL = "%00"
# Of pages that read their filters from the query themselves.
FILTERS = ("actor", "action", "object_id", "since", "until", "before", "from", "bot", "period")
FIELDS = dict.fromkeys(("email", "password", "key", "token", "code", "challenge", "name", "role", "next", "q"), "\x00")


async def test_it_is_answered_without_a_mistake_of_ours(owner: Owner, stranger: Browser) -> None:
    await signed_up(stranger, owner.database, owner.project, "ada@example.com")
    routes = [
        page for page in pages if isinstance(page, APIRoute) and page.path[1:] not in (*ASSETS, "sign-out", "hold")
    ]
    for page in routes:
        address = re.sub(r"{\w+}", NUL, page.path)
        if "POST" in page.methods:
            answer = await stranger.submit(address, **FIELDS)
        else:
            names = {*FIELDS, *FILTERS, *(one.alias for one in page.dependant.query_params)}
            answer = await stranger.get(f"{address}?{'&'.join(f'{name}={NUL}' for name in sorted(names))}")
        assert answer.status_code < 500, (page.methods, page.path, answer.text)
