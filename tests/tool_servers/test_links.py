"""A link that lets somebody sign in to a tool: what is in it, and for how long it is good."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from heartbeat.domain.errors import Forbidden
from heartbeat.domain.secret_keys import new_key
from heartbeat.settings import Settings
from heartbeat.tool_servers.links import LASTS, ConnectLink, connect_url, read_link
from tests.support.seeds import NOW

SECOND = timedelta(seconds=1)


def test_a_link_is_good_until_it_is_too_old() -> None:
    settings = Settings(_env_file=None, secret_keys=SecretStr(new_key()))
    [link] = parse_qs(urlsplit(connect_url(settings, "tool_1", 7, NOW)).query)["link"]
    assert read_link(settings, link, NOW + LASTS - SECOND) == ConnectLink("tool_1", 7, NOW)
    with pytest.raises(Forbidden):
        read_link(settings, link, NOW + LASTS)
    with pytest.raises(Forbidden):
        read_link(Settings(_env_file=None, secret_keys=SecretStr(new_key())), link, NOW)
