"""A target that names one of the operator's addresses, from the API to the receiver: the address is never seen."""

import logging

import pytest

from tests.support.api import Api, error_of, wrong_fields
from tests.support.databases import everything
from tests.support.notified_owner import fail
from tests.support.receiver import Receiver, says

CANARY = "canary7f3a91c2"
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def address(receiver: Receiver) -> str:
    return f"json://ada:{CANARY}@127.0.0.1:{receiver.port}/{CANARY}"


async def test_a_target_names_the_operators_address_and_no_other(
    ours: Api, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = ours.app.state.stack.settings
    fields = {"channel": "apprise", "config": {"name": "ops"}}
    nothing = await ours.post("/notification/target/create", **fields)
    assert "HEARTBEAT_APPRISE_TARGETS" in error_of(nothing, 400)["message"]
    named = {"ops": address(receiver), "night": "json://127.0.0.1:9"}
    changed = type(settings)(_env_file=None, **{**settings.model_dump(exclude_unset=True), "apprise_targets": named})
    object.__setattr__(ours.app.state.stack, "settings", changed)

    unknown = await ours.post("/notification/target/create", channel="apprise", config={"name": "day"})
    assert error_of(unknown, 400)["message"] == "config.name: must be one of night, ops"
    own = await ours.post("/notification/target/create", channel="apprise", config={"name": receiver.url})
    assert wrong_fields(own) == ["config.name"]

    target = (await ours.post("/notification/target/create", **fields)).json()["target"]
    assert (target["channel"], target["config"]) == ("apprise", {"name": "ops"})
    tried = await ours.post("/notification/test", target_id=target["id"])
    assert tried.json() == {"success": True, "message": "apprise took the message."}
    assert receiver.received[0].json["title"] == "A test message"
    receiver.answer = says("503 Service Unavailable", CANARY)
    refused = (await ours.post("/notification/test", target_id=target["id"])).json()
    assert refused == {"success": False, "message": "Apprise could not hand the message to ops: it answered 503."}

    moved = await ours.put("/notification/target/update", target_id=target["id"], config={"name": "day"})
    assert wrong_fields(moved) == ["config.name"]
    await fail(ours, await ours.bot())
    listed = await ours.get("/notification/target/readall")
    said = [answer.text for answer in (nothing, unknown, own, tried, moved, listed)]
    assert CANARY not in "".join(said) + caplog.text
    assert CANARY.encode() not in everything(ours.database)
