"""Subscribers: listed as published, made and deleted."""

import pytest
from temporalio.service import RPCError

from api.schemas.subscribers import AllSubscribers
from tests.support.api import Api, error_of, wrong_fields


async def test_a_projects_subscribers_bot_by_bot(api: Api) -> None:
    first, second = await api.bot(), await api.bot()
    late = await api.member(second, email="late@example.com")
    early = [await api.member(first, name=f"Member {number}") for number in range(3)]
    listed = (await api.get("/subscriber/readall")).json()
    AllSubscribers.model_validate(listed, extra="forbid")
    assert listed["subscribers"] == [*early, late]
    assert (late["email"], late["name"]) == ("late@example.com", "A subscriber")
    page = (await api.get("/subscriber/readall", page=2, per_page=3)).json()
    assert page["subscribers"] == [late]
    assert page["pagination"] == {"page": 2, "per_page": 3, "total": 4, "total_pages": 2}
    of_second = (await api.get("/subscriber/readall", bot_id=second["id"])).json()
    assert (of_second["subscribers"], of_second["total"]) == ([late], 1)


async def test_a_deleted_subscriber_takes_its_heartbeats_along(api: Api) -> None:
    bot = await api.bot()
    member = await api.member(bot)
    theirs, of_all = await api.heartbeat(bot, member_id=member["id"], enabled=True), await api.heartbeat(bot)
    which = {"bot_id": bot["id"], "member_id": member["member_id"]}
    assert (await api.delete("/subscriber/delete", **which)).json()["success"] is True
    assert error_of(await api.delete("/subscriber/delete", **which), 404)["code"] == "subscriber_not_found"
    assert (await api.get("/subscriber/readall")).json()["total"] == 0
    listed = (await api.get("/heartbeat/readall", bot_id=bot["id"])).json()["heartbeats"]
    assert [one["uuid"] for one in listed] == [of_all["uuid"]]
    with pytest.raises(RPCError):
        await api.temporal.get_schedule_handle(theirs["uuid"]).describe()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": ""}, "email"),
        ({"name": " "}, "email"),
        ({"name": 5}, "name"),
    ],
)
async def test_wrong_fields_are_named(api: Api, fields: dict, field: str) -> None:
    bot = await api.bot()
    assert wrong_fields(await api.post("/subscriber/create", bot_id=bot["id"], **fields)) == [field]


async def test_a_member_of_another_bot_is_not_there(api: Api) -> None:
    first, second = await api.bot(), await api.bot()
    member = await api.member(first)
    answer = await api.delete("/subscriber/delete", bot_id=second["id"], member_id=member["id"])
    assert error_of(answer, 404)["code"] == "subscriber_not_found"
