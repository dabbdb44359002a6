"""The OpenAPI document, as somebody who writes a client reads it: all is described, and the examples are true."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from heartbeat.notifications.channels.registry import CHANNELS
from tests.support.api import Api, address

Document = dict[str, Any]


@pytest.fixture
def document(shared_app: FastAPI) -> Document:
    return shared_app.openapi()


def operations(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def fields(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields of every object that is sent or answered, and the parameters of every call."""
    for name, schema in document["components"]["schemas"].items():
        for field, its_schema in schema["properties"].items():
            yield f"{name}.{field}", its_schema
    for name, operation in operations(document):
        for parameter in operation.get("parameters", []):
            yield f"{name} {parameter['name']}", {**parameter["schema"], "description": parameter["description"]}


def violations(document: Document, schema: dict[str, Any], value: Any) -> list[str]:
    """What is wrong with a value that should be as the schema says."""
    validator = Draft202012Validator({**schema, "components": document["components"]})
    return [error.message for error in validator.iter_errors(value)]


def test_every_field_has_a_description_and_an_example(document: Document) -> None:
    bare = [name for name, field in fields(document) if not field.get("description") or not field.get("examples")]
    assert bare == []


def test_every_example_is_a_value_of_its_field(document: Document) -> None:
    wrong = {
        name: violations(document, field, value)
        for name, field in fields(document)
        for value in field["examples"]
        if violations(document, field, value)
    }
    assert wrong == {}


def test_every_call_says_in_short_and_in_full_what_it_does(document: Document) -> None:
    for name, operation in operations(document):
        assert operation["description"].endswith("."), name
        assert 0 < len(operation["summary"]) <= 90, name
        assert operation["description"].startswith(operation["summary"]), name


def test_every_response_has_an_example_that_is_as_its_schema_says(document: Document) -> None:
    for name, operation in operations(document):
        if not name.split()[1].startswith("/v1/"):
            continue
        for status, response in operation["responses"].items():
            [content] = response["content"].values()
            assert violations(document, content["schema"], content["example"]) == [], (name, status)


def request_example(document: Document, path: str) -> dict[str, Any]:
    """The example of a call's body, or one made of the examples of its fields."""
    body = document["paths"][address(path)]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema = document["components"]["schemas"][body["$ref"].split("/")[-1]]
    fields = {name: field["examples"][0] for name, field in schema["properties"].items()}
    example: dict[str, Any] = schema.get("examples", [fields])[0]
    return example


@pytest.mark.parametrize(
    "path",
    [
        "/heartbeat/configure",
        "/heartbeat/preview",
        "/task/create",
        "/create",
        "/subscriber/create",
    ],
)
async def test_the_example_of_a_request_is_accepted(api: Api, path: str) -> None:
    bot = await api.bot()
    member = await api.member(bot)
    real = {"project_id": api.project.uuid, "bot_id": bot["id"], "member_id": member["id"]}
    sent = request_example(api.app.openapi(), path)
    answer = await api.post(path, **{name: real.get(name, value) for name, value in sent.items()})
    assert answer.status_code == 200, answer.text


async def test_the_example_of_a_heartbeat_is_what_the_example_of_configure_makes(api: Api) -> None:
    bot = await api.bot()
    sent = request_example(api.app.openapi(), "/heartbeat/configure")
    heartbeat = await api.heartbeat(bot, **{**sent, "project_id": api.project.uuid, "bot_id": bot["id"]})
    document = api.app.openapi()
    [shown] = document["components"]["schemas"]["OneHeartbeat"]["properties"]["heartbeat"]["examples"]
    for name in ("prompt", "cron_pattern", "interval_minutes", "timezone", "schedule", "credit_budget", "enabled"):
        assert heartbeat[name] == shown[name], name
    assert heartbeat.keys() == shown.keys()


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/create", {"name": " \t"}),
        ("/heartbeat/configure", {"cron_pattern": "0 9 * * *", "interval_minutes": 30}),
        ("/heartbeat/configure", {"starts_at": "2036-12-01T00:00:30Z"}),
        ("/heartbeat/configure", {"starts_at": "1869-12-01T00:00:00Z"}),
        ("/subscriber/create", {"email": None, "name": None}),
        ("/notification/target/create", {"channel": "fax"}),
        ("/notification/target/create", {"bot_id": None, "heartbeat_id": "hb_1"}),
        ("/tool", {"template": "nothing"}),
        ("/tool", {"headers": {"Not a name": "x"}}),
        ("/tool", {"client_id": None, "client_secret": "x", "grant_type": None}),
        ("/tool", {"client_id": "x", "client_secret": None, "grant_type": "client_credentials"}),
        ("/tool/{tool_id}/connect", {"client_id": None}),
        ("/keys/create", {"preset": None, "scopes": None}),
        ("/keys/create", {"preset": None, "scopes": []}),
        ("/keys/create", {"preset": "viewer", "scopes": ["read"]}),
    ],
)
async def test_what_is_refused_is_in_no_document(api: Api, document: Document, path: str, fields: dict) -> None:
    reference = document["paths"][address(path)]["post"]["requestBody"]["content"]["application/json"]["schema"]
    sent = {**request_example(document, path), "project_id": api.project.uuid, **fields}
    sent = {name: value for name, value in sent.items() if value is not None}
    assert (await api.post(path.format(tool_id="tool_1"), **sent)).status_code == 400
    assert violations(document, document["components"]["schemas"][reference["$ref"].split("/")[-1]], sent) != []


def test_the_channels_of_a_target_are_those_of_the_registry(document: Document) -> None:
    channel = document["components"]["schemas"]["CreateTarget"]["properties"]["channel"]
    assert channel["enum"] == [*CHANNELS]
