"""Every well-known server of the gallery is described in full, and what is none is refused. None is asked anything."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.schemas.tools import CreateTool
from heartbeat.gallery.files import TemplateError
from heartbeat.gallery.tool_templates import FILES, read_tool_template, tool_templates

IDS = {"project_id": "proj_1", "bot_id": "bot_1"}
GOOD = """
name: A name
description: What it is for.
server_label: mine
server_url: https://mcp.example.com/mcp
transport: http
sign_in: [oauth]
risks: [private_data]
documentation: https://example.com/docs
read_on: 2026-11-28
"""


@pytest.mark.parametrize("path", sorted(FILES.iterdir()), ids=lambda path: path.name)
def test_each_file_is_a_server_that_the_api_takes(path: Path) -> None:
    assert path.suffix == ".yaml"
    template = read_tool_template(path)
    assert tool_templates()[path.stem] == template
    body = CreateTool.model_validate({**IDS, "template": path.stem})
    assert {name: getattr(body, name) for name in template.values} == template.values
    assert template.description.endswith(".")
    assert template.hint is None or template.hint.endswith((".", ")"))
    # Whoever is to send a token is told where.
    assert ("header" in template.sign_in) == (template.header is not None)
    assert template.read_on <= datetime.now(UTC).date()


def test_there_are_a_dozen_and_none_twice() -> None:
    templates = list(tool_templates().values())
    assert len(templates) >= 12
    assert [one.name for one in templates] == sorted({one.name for one in templates}, key=str.casefold)
    for name in ("server_label", "server_url"):
        assert len({getattr(one, name) for one in templates}) == len(templates)
    assert {way for one in templates for way in one.sign_in} == {"none", "oauth", "client", "header"}


def test_each_is_documented_and_nothing_else() -> None:
    page = (Path(__file__).parents[2] / "docs" / "tools.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| \[(.*)\]\((.*)\) \|", page, re.MULTILINE)
    assert rows == [(key, one.name, one.documentation) for key, one in sorted(tool_templates().items())]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "mine.yaml: file:"),
        (GOOD.replace("name: A name\n", ""), "mine.yaml: name: Field required"),
        (GOOD + "icon: heart\n", "mine.yaml: icon: Extra inputs are not permitted"),
        (GOOD.replace("https://mcp", "http://mcp"), "mine.yaml: server_url: Value error, must be an https address"),
        (GOOD.replace("/mcp\n", "/mcp?key=1\n"), "mine.yaml: server_url: Value error, must be an https address"),
        (GOOD.replace("[oauth]", "[password]"), "mine.yaml: sign_in.0: Input should be 'none'"),
        (GOOD.replace("[oauth]", "[]"), "mine.yaml: sign_in: List should have at least 1 item"),
        (GOOD.replace("transport: http", "transport: stdio"), "mine.yaml: transport: Input should be"),
        (GOOD.replace("[private_data]", "[money]"), "mine.yaml: risks.0: Input should be"),
        (GOOD.replace("server_label: mine", "server_label: Mine!"), "mine.yaml: server_label: String should match"),
        (GOOD.replace("2026-11-28", "yesterday"), "mine.yaml: read_on: Input should be a valid date"),
    ],
)
def test_what_is_no_server_is_refused_by_file_and_field(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(TemplateError) as problem:
        read_tool_template(path)
    assert words in str(problem.value)
    assert "docs/tools.md" in str(problem.value)
