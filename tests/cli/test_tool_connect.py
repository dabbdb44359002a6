"""`heartbeat tool connect` as an operator runs it: a process of its own, and a person with a browser beside it."""

import asyncio
import contextlib
import re
from pathlib import Path

import httpx
import pytest

from heartbeat.domain.clock import utc_now
from heartbeat.tool_servers.sign_in import CallbackFields, SignIns
from tests.support.patience import PATIENCE, until
from tests.support.processes import COMMAND, run_command, start
from tests.support.signed_in import SignedIn, a_tool, signed_in
from tests.support.tool_server import ToolServer

__all__ = ["signed_in"]

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def variables_of(signed_in: SignedIn) -> dict[str, str]:
    keys = signed_in.settings.secret_keys
    assert keys is not None
    return {
        "HEARTBEAT_DATABASE_URL": signed_in.settings.store_url(),
        "HEARTBEAT_SECRET_KEYS": keys.get_secret_value(),
        "HEARTBEAT_EGRESS_ALLOW": '["127.0.0.1", "localhost"]',
    }


async def test_it_prints_the_address_and_waits(signed_in: SignedIn, tmp_path: Path) -> None:
    command = ("tool", "connect", signed_in.tool.uuid)
    process = start(COMMAND, *command, output=tmp_path, **variables_of(signed_in))
    out = tmp_path / "out"
    await until(lambda: out.exists() and "Waiting" in out.read_text())
    url = re.search(r"http\S+/authorize\S+", out.read_text())
    assert url is not None
    fields = httpx.URL(signed_in.authorization.approve(url[0])).params
    callback = CallbackFields(fields["state"], fields["code"], fields["iss"])
    finished = await SignIns(signed_in.database, signed_in.settings, utc_now).finish(callback, None)
    assert finished.problem == ""
    await asyncio.to_thread(process.join, PATIENCE)
    assert (process.exitcode, out.read_text().splitlines()[-1]) == (0, "desk is connected.")


async def test_it_names_another_host_before_anything_is_sent_there(signed_in: SignedIn) -> None:
    authorization = signed_in.authorization
    authorization.url = authorization.url.replace("127.0.0.1", "localhost")
    with contextlib.closing(ToolServer(authorization=authorization)) as desk:
        tool = await signed_in.database.write(a_tool, signed_in.bot, desk.url, server_label="elsewhere")
        requests = authorization.requests
        outcome = await asyncio.to_thread(run_command, "tool", "connect", tool.uuid, **variables_of(signed_in))
    assert (outcome.code, authorization.requests) == (1, requests)
    assert authorization.url in outcome.out
    assert "Traceback" not in outcome.err
    unknown = await asyncio.to_thread(run_command, "tool", "connect", "tool_no", **variables_of(signed_in))
    assert (unknown.code, "tool_no" in unknown.err) == (1, True)
