"""Every bad input gets a 400 that names the field and leaves nothing behind."""

from typing import Any

import httpx

from tests.support.api import Api, error_of, owner, wrong_fields
from tests.support.rows import every_row

CONFIGURE = "/heartbeat/configure"
LONG = "x" * 20_001
HUGE = 10**30

WRONG = {
    "prompt missing": ({"prompt": ...}, "prompt"),
    "prompt null": ({"prompt": None}, "prompt"),
    "prompt empty": ({"prompt": ""}, "prompt"),
    "prompt blank": ({"prompt": " \n"}, "prompt"),
    "prompt too long": ({"prompt": LONG}, "prompt"),
    "prompt a number": ({"prompt": 7}, "prompt"),
    "prompt a list": ({"prompt": ["x"]}, "prompt"),
    "prompt with NUL": ({"prompt": "a\x00b"}, "prompt"),
    "prompt with half a surrogate pair": ({"prompt": "a\ud800b"}, "prompt"),
    "project missing": ({"project_id": ...}, "project_id"),
    "bot missing": ({"bot_id": ...}, "bot_id"),
    "bot null": ({"bot_id": None}, "bot_id"),
    "bot an object": ({"bot_id": {}}, "bot_id"),
    "bot true": ({"bot_id": True}, "bot_id"),
    "cron unparsable": ({"cron_pattern": "every day"}, "cron_pattern"),
    "cron a number": ({"cron_pattern": 5}, "cron_pattern"),
    "cron out of range": ({"cron_pattern": "61 * * * *"}, "cron_pattern"),
    "cron never fires": ({"cron_pattern": "0 0 31 2 *"}, "cron_pattern"),
    "cron with six fields": ({"cron_pattern": "0 0 9 * * 1"}, "cron_pattern"),
    "cron with four fields": ({"cron_pattern": "0 9 * *"}, "cron_pattern"),
    "cron with ?": ({"cron_pattern": "0 9 ? * 1"}, "cron_pattern"),
    "cron with W": ({"cron_pattern": "0 9 15W * *"}, "cron_pattern"),
    "cron with L in the wrong place": ({"cron_pattern": "L 9 * * *"}, "cron_pattern"),
    "cron with # in the wrong place": ({"cron_pattern": "0 9 1#1 * *"}, "cron_pattern"),
    "cron with a sixth Monday": ({"cron_pattern": "0 9 * * 1#6"}, "cron_pattern"),
    "cron endless": ({"cron_pattern": "1," * 5000 + "1 * * * *"}, "cron_pattern"),
    "timezone unknown": ({"timezone": "Mars/Olympus"}, "timezone"),
    "timezone a path": ({"timezone": "../../etc/passwd"}, "timezone"),
    "timezone a number": ({"timezone": 3}, "timezone"),
    "interval zero": ({"interval_minutes": 0}, "interval_minutes"),
    "interval negative": ({"interval_minutes": -5}, "interval_minutes"),
    "interval a fraction": ({"interval_minutes": 1.5}, "interval_minutes"),
    "interval words": ({"interval_minutes": "often"}, "interval_minutes"),
    "interval true": ({"interval_minutes": True}, "interval_minutes"),
    "interval huge": ({"interval_minutes": HUGE}, "interval_minutes"),
    "interval of two years": ({"interval_minutes": 2 * 366 * 24 * 60}, "interval_minutes"),
    "budget negative": ({"credit_budget": -1}, "credit_budget"),
    "budget a fraction": ({"credit_budget": 0.5}, "credit_budget"),
    "budget words": ({"credit_budget": "much"}, "credit_budget"),
    "budget huge": ({"credit_budget": HUGE}, "credit_budget"),
    "budget beyond the column": ({"credit_budget": 2**31}, "credit_budget"),
    "errors zero": ({"max_consecutive_errors": 0}, "max_consecutive_errors"),
    "errors negative": ({"max_consecutive_errors": -1}, "max_consecutive_errors"),
    "errors a list": ({"max_consecutive_errors": []}, "max_consecutive_errors"),
    "enabled a word": ({"enabled": "maybe"}, "enabled"),
    "enabled two": ({"enabled": 2}, "enabled"),
    "enabled a list": ({"enabled": [True]}, "enabled"),
    "member an object": ({"member_id": {}}, "member_id"),
    "label a number": ({"label": 5}, "label"),
    "external id too long": ({"external_id": "x" * 201}, "external_id"),
    "hours without end": ({"active_hours_start": "09:00"}, "active_hours_end"),
    "hours without start": ({"active_hours_end": "09:00"}, "active_hours_start"),
    "hours no time": ({"active_hours_start": "9", "active_hours_end": "17:00"}, "active_hours_start"),
    "hours past midnight": ({"active_hours_start": "09:00", "active_hours_end": "24:30"}, "active_hours_end"),
    "hours of nothing": ({"active_hours_start": "09:00", "active_hours_end": "09:00"}, "active_hours_end"),
    "days no numbers": ({"active_days": "Mon"}, "active_days"),
    "days out of range": ({"active_days": "0,8"}, "active_days"),
}


async def test_configure_names_the_field(api: Api) -> None:
    bot = await api.bot()
    with every_row() as row:
        for wrong, (changes, field) in WRONG.items():
            with row(wrong):
                body = {"project_id": api.project.uuid, "bot_id": bot["id"], "prompt": "Check", **changes}
                answer = await send(api, {name: value for name, value in body.items() if value is not ...})
                assert wrong_fields(answer) == [field]
                assert answer.json()["code"] == "invalid_parameters"
                message = answer.json()["message"]
                assert field in message
                assert not any(word in message for word in ("Value should", "Input should", "entries"))
                assert (await api.get("/heartbeat/readall", bot_id=bot["id"])).json() == {"heartbeats": []}


async def send(api: Api, body: Any, path: str = CONFIGURE, **headers: str) -> httpx.Response:
    """The body as plain JSON text, odd characters escaped, as any client may send it."""
    import json

    all_headers = {"authorization": f"Bearer {api.key}", "content-type": "application/json", **headers}
    content = body if isinstance(body, bytes) else json.dumps(body)
    return await api.http.post(f"/v1/bot{path}", content=content, headers=all_headers)


async def test_a_pattern_and_an_interval_together_are_one_too_many(api: Api) -> None:
    bot = await api.bot()
    answer = await api.post(CONFIGURE, bot_id=bot["id"], prompt="x", cron_pattern="0 9 * * *", interval_minutes=5)
    assert "cron_pattern" in error_of(answer, 400)["message"]
    assert "interval_minutes" in answer.json()["message"]


async def test_several_wrong_fields_are_all_named(api: Api) -> None:
    answer = await api.post(CONFIGURE, bot_id="bot_x", prompt="", credit_budget=-1, enabled="maybe")
    assert sorted(wrong_fields(answer)) == ["credit_budget", "enabled", "prompt"]


async def test_the_plans_minimum_holds_for_intervals_and_patterns(api: Api) -> None:
    async with owner(api.app, "starter") as starter:
        bot = await starter.bot()
        often = await starter.post(CONFIGURE, bot_id=bot["id"], prompt="x", interval_minutes=59)
        assert wrong_fields(often) == ["interval_minutes"]
        assert "60" in often.json()["message"]
        for pattern in ("*/30 * * * *", "0,59 9 * * *", "50 8,9 1 * 1,", "59,0 23,0 * * *"):
            answer = await starter.post(CONFIGURE, bot_id=bot["id"], prompt="x", cron_pattern=pattern)
            assert wrong_fields(answer) == ["cron_pattern"]
        usual = await starter.post(CONFIGURE, bot_id=bot["id"], prompt="without a cadence")
        assert usual.json()["heartbeat"]["interval_minutes"] == 60


NOT_OBJECTS = [b"", b"[]", b'"text"', b"null", b"5", b"{", b"{'a': 1}", b"\xff\xfe\xff", b"[" * 100_000, b'{"a": NaN}']


async def test_a_body_that_is_no_json_object(api: Api) -> None:
    with every_row() as row:
        for body in NOT_OBJECTS:
            with row(body[:12]):
                assert wrong_fields(await send(api, body)) != []


LISTS = [
    ("/heartbeat/logs", "page", 0),
    ("/heartbeat/logs", "page", -1),
    ("/heartbeat/logs", "page", "two"),
    ("/heartbeat/logs", "page", HUGE),
    ("/heartbeat/logs", "per_page", 0),
    ("/heartbeat/logs", "per_page", 101),
    ("/heartbeat/logs", "per_page", "1.5"),
    ("/heartbeat/logs", "status", "fine"),
    ("/heartbeat/stats", "days", 0),
    ("/heartbeat/stats", "days", 366),
    ("/heartbeat/stats", "days", "NaN"),
    ("/readall", "page", 0),
    ("/readall", "per_page", 101),
    ("/subscriber/readall", "per_page", 101),
    ("/tool", "page", 0),
    ("/tool", "filter", "{"),
    ("/tool", "filter", "[]"),
    ("/tool", "filter", "[" * 5_000),
    ("/tool", "filter", '{"transport": "carrier pigeon"}'),
]


async def test_lists_name_the_field(api: Api) -> None:
    bot = await api.bot()
    with every_row() as row:
        for path, field, value in LISTS:
            with row(path, field, value):
                assert wrong_fields(await api.get(path, bot_id=bot["id"], **{field: value})) == [field]


async def test_what_is_required_is_asked_for(api: Api) -> None:
    headers = {"authorization": f"Bearer {api.key}"}
    with every_row() as row:
        for path in ("/heartbeat/read", "/heartbeat/logs", "/heartbeat/stats", "/read", "/tool"):
            with row(path):
                assert "bot_id" in wrong_fields(await api.get(path))
                answer = await api.http.get(f"/v1/bot{path}?bot_id=x&heartbeat_id=y", headers=headers)
                assert wrong_fields(answer) == ["project_id"]


NO_BOTS = ["bot_no", "0", "-1", "1e3", "9" * 40, "null", "undefined", "%00", "a\x00b", "💓", "../x"]


async def test_a_bot_that_cannot_be_there_is_not_there(api: Api) -> None:
    with every_row() as row:
        for key in NO_BOTS:
            for path in ("/read", "/heartbeat/readall", "/heartbeat/logs", "/heartbeat/stats"):
                with row(key, path):
                    assert error_of(await api.get(path, bot_id=key), 404)["code"] == "bot_not_found"


NO_HEARTBEATS = ["hb_no", "1", "9" * 40, "null", "a\x00b", "💓"]


async def test_a_heartbeat_that_cannot_be_there_is_not_there(api: Api) -> None:
    bot = await api.bot()
    with every_row() as row:
        for key in NO_HEARTBEATS:
            for call in ("GET read", "POST enable", "POST disable", "POST trigger", "DELETE delete"):
                with row(key, call):
                    method, path = call.split()
                    answer = await api.call(method, f"/heartbeat/{path}", {"bot_id": bot["id"], "heartbeat_id": key})
                    assert error_of(answer, 404)["code"] == "heartbeat_not_found"
            with row(key, "logs"):
                assert error_of(await api.get("/heartbeat/logs", bot_id=bot["id"], heartbeat_id=key), 404)
