"""Rehearsals and the breaker over HTTP: what is asked for, what is answered, what is listed where."""

import pytest
from sqlalchemy import update

from api.schemas.logs import Logs, Triggered
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.api import Api
from tests.support.model_server import ModelServer, asks, says
from tests.support.seeds import NOW, YEARLY


async def test_a_rehearsal_answers_what_it_would_have_done(working: Api, model: ModelServer) -> None:
    bot = await working.bot(memory=1)
    heartbeat = await working.heartbeat(bot)
    which = {"bot_id": bot["id"], "heartbeat_id": heartbeat["uuid"]}
    text = {"text": "The garden is watered on Fridays."}
    model.script(asks(("remember", text)), says("Remembered."))
    answer = await working.post("/heartbeat/trigger", **which, dry_run=1)
    result = Triggered.model_validate(answer.json(), extra="forbid").result
    assert (answer.status_code, result.status, result.credits_charged) == (200, "success", 2)
    assert result.rehearsal is not None
    [call] = result.rehearsal.would_have_called
    assert (call.tool, call.arguments) == ("remember", text)
    assert result.rehearsal.would_have_told == []

    model.script(says("All quiet."))
    real = (await working.post("/heartbeat/trigger", **which)).json()["result"]
    assert "rehearsal" not in real
    listed = Logs.model_validate((await working.get("/heartbeat/logs", **which)).json(), extra="forbid")
    assert [(log.uuid, log.dry_run) for log in listed.logs] == [(real["log_id"], False)]
    apart = Logs.model_validate((await working.get("/heartbeat/logs", **which, dry_run=1)).json(), extra="forbid")
    assert [(log.uuid, log.dry_run, apart.total) for log in apart.logs] == [(result.log_id, True, 1)]
    assert apart.logs[0].triggered_by == "the key key"
    [_, recorded, _] = (await working.get("/run/read", bot_id=bot["id"], run_id=result.log_id)).json()["run"]["steps"]
    assert (recorded["failure_code"], recorded["is_error"]) == ("rehearsed", False)

    shown = (await working.get("/heartbeat/read", **which)).json()["heartbeat"]
    assert (shown["execution_count"], shown["credits_used"]) == (1, 3)
    stats = (await working.get("/heartbeat/stats", **which)).json()["stats"]
    assert stats["total_executions"] == 1


async def test_auto_resume_is_on_unless_it_is_switched_off(api: Api) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    assert heartbeat["auto_resume"] is True
    for value, stored in ((False, False), (None, False), (1, True)):
        assert (await api.heartbeat(bot, auto_resume=value))["auto_resume"] is stored
    prompt = heartbeat["prompt"]
    refusal = await api.post("/heartbeat/configure", bot_id=bot["id"], prompt=prompt, auto_resume="perhaps")
    assert refusal.status_code == 400


@pytest.mark.parametrize("auto_resume", [True, False])
async def test_switching_it_off_ends_a_probing_under_way(api: Api, auto_resume: bool) -> None:
    bot = await api.bot()
    heartbeat = await api.heartbeat(bot)
    table = columns(Heartbeat)
    pause = {"pause_reason": "errors", "pause_cause": "failed_probes", "pause_since": NOW, "pause_detail": "no"}
    pause |= {"probe_at": NOW, "probes": 2}
    await api.database.write(
        lambda c: c.execute(update(table).where(table.c.uuid == heartbeat["uuid"]).values(enabled=False, **pause))
    )
    shown = (await api.heartbeat(bot, cron_pattern=YEARLY, auto_resume=auto_resume))["pause"]
    if auto_resume:
        assert shown["probe_at"] == "2026-11-20T12:00:00Z"
        again = "It is tried again at 2026-11-20 12:00 (UTC); enable it to have it run sooner."
        assert shown["message"] == f"Tried again 2 times in vain; the last error: no. {again}"
    else:
        assert shown["probe_at"] is None
        assert shown["message"] == "Tried again 2 times in vain; the last error: no. Mend it, then enable again."


async def test_a_rehearsal_and_a_replay_have_another_prompt_and_model(working: Api, model: ModelServer) -> None:
    bot = await working.bot()
    heartbeat = await working.heartbeat(bot)
    which = {"bot_id": bot["id"], "heartbeat_id": heartbeat["uuid"]}
    model.script(says("Tried."), says("All quiet."), says("Replayed."))
    tried = await working.post("/heartbeat/trigger", **which, dry_run=1, prompt="Try this.", model="gpt-other")
    # A run that is none has always ignored what else is sent.
    real = (await working.post("/heartbeat/trigger", **which, prompt="Try this.")).json()["result"]
    answer = await working.post("/run/replay", bot_id=bot["id"], run_id=real["log_id"], instruction="Be new.")
    result = Triggered.model_validate(answer.json(), extra="forbid").result
    assert (answer.status_code, result.status, result.response) == (200, "success", "Replayed.")
    assert [request["model"] for request in model.requests] == ["gpt-other", "gpt-4o-mini", "gpt-4o-mini"]

    apart = await working.get("/heartbeat/logs", **which, dry_run=1)
    logs = Logs.model_validate(apart.json(), extra="forbid").logs
    assert [(log.uuid, log.prompt, log.replay_of) for log in logs] == [
        (result.log_id, heartbeat["prompt"], real["log_id"]),
        (tried.json()["result"]["log_id"], "Try this.", None),
    ]
    missing = await working.post("/run/replay", bot_id=bot["id"], run_id="log_nowhere")
    assert (missing.status_code, missing.json()["code"]) == (404, "run_not_found")
