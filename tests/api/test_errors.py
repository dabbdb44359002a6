"""Always JSON, always the same shape, never our insides."""

import contextlib
import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import text

from api.main import create_app
from heartbeat.store.database.database import Database
from tests.support.api import Api, error_of, settings_for


async def test_what_is_not_there(api: Api) -> None:
    for path in ("/v1", "/v1/bot", "/v1/bot/heartbeat", "/v1/bot/heartbeat/read/", "/etc/passwd", "/v1/" + "x" * 5000):
        answer = await api.http.get(path)
        assert error_of(answer, 404)["code"] == "not_found"
        assert len(answer.content) < 2000


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "configure"), ("DELETE", "read"), ("PATCH", "enable"), ("X", "read")]
)
async def test_a_method_that_is_not_possible(api: Api, method: str, path: str) -> None:
    answer = await api.http.request(method, f"/v1/bot/heartbeat/{path}")
    assert error_of(answer, 405)["code"] == "method_not_allowed"
    assert answer.headers["allow"] in answer.json()["message"]


async def test_what_is_possible_at_an_address_is_what_the_document_says(api: Api) -> None:
    for path, methods in api.app.openapi()["paths"].items():
        answer = await api.http.request("OPTIONS", path.replace("{tool_id}", "tool_1"))
        assert answer.status_code == 405
        assert answer.headers["allow"] == ", ".join(sorted(method.upper() for method in methods)), path


def headers(api: Api, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {api.key}", **more}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"])
async def test_other_media_types(api: Api, kind: str) -> None:
    answer = await api.http.post(
        "/v1/bot/create", content=b'{"name": "x"}', headers=headers(api, **{"content-type": kind})
    )
    assert error_of(answer, 415)["code"] == "unsupported_media_type"


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON", None])
async def test_json_by_any_name_and_by_none(api: Api, kind: str | None) -> None:
    body = f'{{"project_id": "{api.project.uuid}", "name": "Desk"}}'.encode()
    all_headers = headers(api, **({"content-type": kind} if kind else {}))
    assert (await api.http.post("/v1/bot/create", content=body, headers=all_headers)).status_code == 200


def test_every_call_takes_a_body_without_a_content_type(api: Api) -> None:
    routes = [route for route in api.app.routes if isinstance(route, APIRoute) and route.path.startswith("/v1/")]
    assert len(routes) > 30
    assert [route.path for route in routes if route.strict_content_type is not False] == []


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1000):
        yield b"x" * 1000


async def test_a_body_that_is_too_large(api: Api) -> None:
    limit = api.settings.max_body_bytes
    all_headers = headers(api, **{"content-type": "application/json"})
    for body in (b"x" * (limit + 1), chunks(limit + 2000)):
        answer = await api.http.post("/v1/bot/create", content=body, headers=all_headers)
        assert error_of(answer, 413)["code"] == "body_too_large"
    announced = {**all_headers, "content-length": str(10**12)}
    answer = await api.http.post("/v1/bot/create", content=b"{}", headers=announced)
    assert error_of(answer, 413)
    assert (await api.http.post("/v1/bot/create", content=b"x" * limit, headers=all_headers)).status_code == 400


async def test_our_own_mistakes_tell_nothing_and_are_logged(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("the password is hunter2")

    monkeypatch.setattr("heartbeat.store.bots.bots.bots", broken)
    with caplog.at_level(logging.ERROR):
        answer = await api.get("/readall")
    assert error_of(answer, 500)["code"] == "internal_error"
    assert "hunter2" not in answer.text
    [record] = [record for record in caplog.records if record.name == "api.middleware.request_limits"]
    assert answer.headers["x-request-id"] in record.getMessage()
    assert "hunter2" in str(record.exc_info)


async def test_request_ids(api: Api) -> None:
    answer = await api.http.get("/healthz", headers={"x-request-id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    for odd in ("", "a b", "x" * 129, "a\u00f6", "<script>"):
        answer = await api.http.get("/healthz", headers=[(b"x-request-id", odd.encode("latin-1"))])
        assert answer.headers["x-request-id"].startswith("req_")
    first, second = await api.http.get("/healthz"), await api.http.get("/healthz")
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@contextlib.asynccontextmanager
async def without_tables(api: Api) -> AsyncIterator[None]:
    def rename(names: tuple[str, str]) -> None:
        statement = f'ALTER TABLE "{names[0]}" RENAME TO "{names[1]}"'
        api.database.write_now(lambda connection: connection.execute(text(statement)))

    names = ("project", "schema_compatibility")
    for name in names:
        rename((name, f"{name}_away"))
    yield
    for name in names:
        rename((f"{name}_away", name))


async def test_a_database_that_is_away(temporal: object, tmp_path: object) -> None:
    """PostgreSQL that cannot be reached, and a SQLite file that is none."""
    (tmp_path / "no.db").write_bytes(b"this is not a database" * 100)
    for url in ("postgresql://nobody@127.0.0.1:1/none", f"sqlite:///{tmp_path / 'no.db'}"):
        with contextlib.closing(Database(url)) as database:
            app = create_app(settings_for(url, temporal), database, temporal)
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
                answer = await http.get("/v1/bot/readall?project_id=x", headers={"authorization": "Bearer some-key"})
                assert error_of(answer, 503)["code"] == "database_unavailable"
                assert int(answer.headers["retry-after"]) > 0
                assert "127.0.0.1" not in answer.text
                assert "nobody" not in answer.text
                assert (await http.get("/healthz")).status_code == 200
                assert error_of(await http.get("/readyz"), 503)["code"] == "not_ready"


async def test_a_database_that_comes_back(alone: Api) -> None:
    async with without_tables(alone):
        assert (await alone.http.get("/readyz")).json()["checks"]["database"] is False
    assert (await alone.get("/readall")).status_code == 200
