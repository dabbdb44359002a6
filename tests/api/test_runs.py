"""One run with its steps: what was asked and answered, what each step was charged, and what it really cost."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection

from api.schemas.runs import OneRun, Rated
from tests.support.api import Api, error_of, owner
from tests.support.past_runs import a_call, a_run, a_step, an_attempt, an_entry

THEN = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


async def seeded(api: Api, bot: dict, status: str = "success", **columns: Any) -> str:
    """A run that asked its model, made two calls and asked again; the second answer is still awaited while it runs."""
    row = await api.row(await api.heartbeat(bot))
    columns |= {"created_at": THEN, "tokens_used": 1270, "credits_charged": 3, "cost_nano_usd": 1_250_000}

    def seed(connection: Connection) -> str:
        uuid = a_run(connection, row, status, **columns)
        a_step(connection, uuid, 1, answer="Let me look.", input_tokens=1000, output_tokens=250)
        result = {"state": "done", "answer": "3 tickets", "duration_ms": 40}
        a_call(connection, uuid, 2, **result, arguments='{"queue": "new", "most": 3}')
        a_call(connection, uuid, 3, state="done", answer="It timed out.", failure_code="failed")
        an_entry(connection, uuid, 1, "reserve", held=9)
        an_entry(connection, uuid, 1, "settle", credits=2, held=-9, tokens=1250)
        an_attempt(connection, uuid, 1, attempt=1, outcome="lost", output_tokens=0, cost_nano_usd=1)
        an_attempt(connection, uuid, 1, attempt=2)
        if status != "running":
            a_step(connection, uuid, 4, answer="All quiet.", final=True, input_tokens=15, output_tokens=5)
            an_entry(connection, uuid, 4, "settle", credits=1, tokens=20)
        return uuid

    return await api.database.write(seed)


async def read(api: Api, bot: dict, uuid: str) -> dict[str, Any]:
    answer = await api.get("/run/read", bot_id=bot["id"], run_id=uuid)
    assert answer.status_code == 200, answer.text
    OneRun.model_validate(answer.json(), extra="forbid")
    run: dict[str, Any] = answer.json()["run"]
    return run


async def test_a_run_with_its_steps_and_what_they_cost(api: Api) -> None:
    bot = await api.bot()
    uuid = await seeded(api, bot, report={"outcome": "ok", "findings": []})
    run = await read(api, bot, uuid)
    assert (run["uuid"], run["status"], run["response"]) == (uuid, "success", "All quiet.")
    assert (run["credits_charged"], run["credits_held"], run["cost_usd"]) == (3, 0, "0.00125")
    assert run["report"] == {"outcome": "ok", "findings": []}
    assert [(step["number"], step["kind"], step["credits"]) for step in run["steps"]] == [
        (1, "model", 2),
        (2, "tool", 0),
        (3, "tool", 0),
        (4, "model", 1),
    ]
    first, second, third, _ = run["steps"]
    assert (first["model"], first["input_tokens"], first["output_tokens"]) == ("openai:scripted", 1000, 250)
    assert (first["name"], first["arguments"], first["is_error"]) == (None, None, False)
    assert (second["name"], second["model"], second["state"]) == ("desk__find", None, "done")
    assert (second["arguments"], second["answer"]) == ({"queue": "new", "most": 3}, "3 tickets")
    assert (third["is_error"], third["failure_code"], third["answer"]) == (True, "failed", "It timed out.")
    assert [(one["step"], one["attempt"], one["outcome"], one["cost_usd"]) for one in run["attempts"]] == [
        (1, 1, "lost", "0.000000001"),
        (1, 2, "answered", "0.00125"),
    ]
    [log] = (await api.get("/heartbeat/logs", bot_id=bot["id"])).json()["logs"]
    assert log == {name: run[name] for name in log}
    opening = {"instruction", "opening", "expect"}
    assert set(run) - set(log) == {"credits_held", "fallback_models", "steps", "attempts", *opening}


async def test_a_run_can_be_read_while_it_runs(api: Api) -> None:
    bot = await api.bot()
    uuid = await seeded(api, bot, "running", duration_ms=None, credits_held=9, response=None)
    run = await read(api, bot, uuid)
    assert (run["status"], run["credits_held"], run["duration_ms"], run["response"]) == ("running", 9, None, None)
    assert [step["number"] for step in run["steps"]] == [1, 2, 3]


@pytest.mark.parametrize("written", ['{"a": ', '{"a": NaN}', '{"a": 1e999}', "[" * 100_000, "", "no JSON"])
async def test_arguments_that_are_no_json_are_shown_as_they_were_written(api: Api, written: str) -> None:
    bot = await api.bot()
    row = await api.row(await api.heartbeat(bot))

    def seed(connection: Connection) -> str:
        uuid = a_run(connection, row)
        a_call(connection, uuid, 1, arguments=written)
        return uuid

    [step] = (await read(api, bot, await api.database.write(seed)))["steps"]
    assert (step["arguments"], step["state"]) == (written, "asked")


async def test_a_run_is_found_by_its_own_bot_alone(api: Api) -> None:
    bot, other = await api.bot(), await api.bot()
    uuid = await seeded(api, bot)
    async with owner(api.app) as outsider:
        theirs = await outsider.bot()
        strangers = [(api, other, uuid), (api, bot, "log_none"), (api, bot, "\x00"), (outsider, theirs, uuid)]
        for path in ("/run/read", "/run/events"):
            for who, whose, which in strangers:
                answer = await who.get(path, bot_id=whose["id"], run_id=which)
                assert error_of(answer, 404)["code"] == "run_not_found"
            answer = await outsider.get(path, bot_id=bot["id"], run_id=uuid)
            assert error_of(answer, 404)["code"] == "bot_not_found"


async def test_a_run_is_rated(api: Api) -> None:
    bot = await api.bot()
    uuid = await seeded(api, bot)
    assert (await read(api, bot, uuid))["rating"] is None
    answer = await api.post("/run/rate", bot_id=bot["id"], run_id=uuid, rating="down", note="It forgot a ticket.")
    rating = Rated.model_validate(answer.json(), extra="forbid").rating
    assert rating is not None
    assert (rating.rating, rating.note, rating.rated_by) == ("down", "It forgot a ticket.", "the key key")
    [log] = (await api.get("/heartbeat/logs", bot_id=bot["id"])).json()["logs"]
    assert (await read(api, bot, uuid))["rating"] == log["rating"] == answer.json()["rating"]
    taken_back = await api.post("/run/rate", bot_id=bot["id"], run_id=uuid, rating="none")
    assert taken_back.json() == {"rating": None}
    assert (await read(api, bot, uuid))["rating"] is None


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"rating": "up", "run_id": "log_other"}, 404),
        ({"rating": "great"}, 400),
        ({}, 400),
        ({"rating": "up", "note": "x" * 2_001}, 400),
    ],
)
async def test_what_is_no_rating(api: Api, fields: dict[str, Any], status: int) -> None:
    bot = await api.bot()
    uuid = await seeded(api, bot)
    error_of(await api.post("/run/rate", **{"bot_id": bot["id"], "run_id": uuid, **fields}), status)


async def test_a_run_of_another_bot_cannot_be_rated(api: Api) -> None:
    uuid, other = await seeded(api, await api.bot()), await api.bot()
    refused = await api.post("/run/rate", bot_id=other["id"], run_id=uuid, rating="up")
    assert error_of(refused, 404)["code"] == "run_not_found"
