"""A project on hold over the API: what it answers, what is refused meanwhile, and which runs it ends."""

from datetime import UTC, datetime, timedelta

import pytest

from api.schemas.project_holds import OneHold, PutOnHold
from tests.support.api import Api, error_of
from tests.support.model_server import ModelServer, Reply, says
from tests.support.patience import until

HOLD, RELEASE, WHY = "/project/hold", "/project/release", "The shop is moving."


async def current(api: Api) -> OneHold:
    return OneHold.model_validate((await api.get(HOLD)).json(), extra="forbid")


async def test_a_hold_is_shown_until_it_is_released(api: Api) -> None:
    assert (await current(api)).hold is None
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    answer = await api.post(HOLD, reason=f" {WHY} ", until=ends.isoformat())
    hold = PutOnHold.model_validate(answer.json(), extra="forbid").hold
    assert hold is not None
    assert (hold.reason, hold.until, hold.running) == (WHY, f"{ends:%Y-%m-%dT%H:%M:%SZ}", "finish")
    assert hold.held_by == "the key key"
    assert (await current(api)).hold == hold
    for _ in range(2):
        assert (await api.post(RELEASE)).json() == {"hold": None}
    assert (await current(api)).hold is None


async def test_what_is_due_next_comes_after_the_hold(api: Api) -> None:
    heartbeat = await api.heartbeat(await api.bot(), cron_pattern="0 0 1 * *", enabled=True)
    which = {"bot_id": heartbeat["bot_uuid"], "heartbeat_id": heartbeat["uuid"]}

    async def next_run_at() -> str | None:
        shown: str | None = (await api.get("/heartbeat/read", **which)).json()["heartbeat"]["next_run_at"]
        return shown

    due = heartbeat["next_run_at"]
    await api.post(HOLD, reason=WHY)
    assert await next_run_at() is None
    await api.post(HOLD, reason=WHY, until=due)
    assert await next_run_at() == due
    await api.post(HOLD, reason=WHY, until=due.replace("T00:00", "T00:01"))
    later = await next_run_at()
    assert later is not None
    assert later[:10] > due[:10]
    await api.post(RELEASE)
    assert await next_run_at() == due


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("reason", {}),
        ("reason", {"reason": " "}),
        ("reason", {"reason": "x" * 501}),
        ("until", {"until": "2020-01-01T00:00:00Z"}),
        ("until", {"until": "2027-01-01T00:00:00"}),
        ("running", {"running": "stop"}),
    ],
)
async def test_what_is_wrong_with_a_hold_is_said_by_field(api: Api, field: str, fields: dict[str, str]) -> None:
    given = {"reason": WHY, **fields} if fields else {}
    error = error_of(await api.post(HOLD, **given), 400)
    assert [detail["field"] for detail in error["details"]] == [field]


async def test_what_is_started_by_hand_is_refused(api: Api) -> None:
    bot = await api.bot()
    which = {"bot_id": bot["id"], "heartbeat_id": (await api.heartbeat(bot))["uuid"]}
    await api.post(HOLD, reason=WHY)
    for rehearsed in ({}, {"dry_run": True}, {"dry_run": True, "prompt": "Another."}):
        error = error_of(await api.post("/heartbeat/trigger", **which, **rehearsed), 409)
        assert error["code"] == "project_on_hold"
        assert error["message"].endswith(f"nothing is started. The reason: {WHY}")


async def test_a_run_in_progress_is_cancelled_and_says_why(working: Api, model: ModelServer, never: Reply) -> None:
    bot = await working.bot()
    which = {"bot_id": bot["id"], "heartbeat_id": (await working.heartbeat(bot))["uuid"]}
    model.script(never)
    log_id = (await working.post("/heartbeat/trigger", **which, wait=False)).json()["result"]["log_id"]
    await until(lambda: model.requests)
    assert (await working.post(HOLD, reason=WHY)).json()["cancelled"] == 0
    assert (await working.post(HOLD, reason=WHY, running="cancel")).json()["cancelled"] == 1

    async def run() -> dict:
        return (await working.get("/run/read", bot_id=bot["id"], run_id=log_id)).json()["run"]

    ended = await until(run, lambda run: run["status"] != "running")
    said = f"The project was put on hold by the key key. The reason: {WHY}"
    assert (ended["status"], ended["error_message"], ended["credits_held"]) == ("cancelled", said, 0)
    error = error_of(await working.post("/run/replay", bot_id=bot["id"], run_id=log_id), 409)
    assert error["code"] == "project_on_hold"
    model.script(says("On again."))
    await working.post(RELEASE)
    assert (await working.post("/heartbeat/trigger", **which)).json()["result"]["status"] == "success"
