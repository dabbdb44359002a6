"""The documents are true: settings, routes, commands, links and make targets are held to the code."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo
from typer.main import get_command

from api.main import create_app
from api.schemas.logs import LogObject
from heartbeat.agents.failures import FINAL, REPEATED, RETRYABLE
from heartbeat.cli.main import app
from heartbeat.domain.failure_policy import PASSING
from heartbeat.domain.heartbeat_fields import HeartbeatFields, PublishedFields
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.temporal.client import connect
from tests.support.architecture import FLOOR
from tests.support.documented import commands, setting_names
from tests.support.rows import every_row

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def text(name: str) -> str:
    return (ROOT / name).read_text()


def test_every_setting_is_documented_and_nothing_else() -> None:
    documented = set(
        re.findall(
            r"`((?:HEARTBEAT|TEMPORAL|OPENAI|ANTHROPIC|GOOGLE|GEMINI|OLLAMA|HTTPS?|NO|SSL|OTEL)_[A-Z0-9_]+)",
            text("docs/settings.md"),
        )
    )
    assert documented == setting_names()


def test_documented_defaults_are_the_defaults() -> None:
    lines = text("docs/settings.md").splitlines()
    with every_row() as row:
        for name, field in Settings.model_fields.items():
            default = field.default
            if isinstance(default, (int, float, str)) and not isinstance(default, bool):
                with row(name):
                    shown = f"{default:g}" if isinstance(default, float) else str(default)
                    alias = field.validation_alias
                    variable = alias.choices[0] if isinstance(alias, AliasChoices) else f"HEARTBEAT_{name.upper()}"
                    [line] = [line for line in lines if line.startswith(f"| `{variable}`")]
                    assert f"`{shown}`" in line.split("|")[2]


async def routes(database: Database) -> set[tuple[str, str]]:
    settings = Settings(_env_file=None, database_url=database.url)
    paths = create_app(settings, database, await connect(settings)).openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_every_route_is_documented_and_nothing_else(database: Database) -> None:
    documented = set(re.findall(r"^#+ `(GET|POST|PUT|DELETE) (/[^`]*)`", text("docs/api.md"), re.MULTILINE))
    assert documented == await routes(database)


def field_rows(model: type[BaseModel]) -> list[str]:
    """The rows of a table in docs/api.md that tell of the model's fields."""
    return [
        f"| `{name}` | {default_shown(field)} | {field.description} |" for name, field in model.model_fields.items()
    ]


def default_shown(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return f"`{field.default}`" if isinstance(field.default, str) else json.dumps(field.default)


def test_the_fields_of_a_heartbeat_are_documented_as_they_are_declared() -> None:
    page = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text("docs/api.md"))
    parts = re.split(
        r"#+ `POST /v1/bot/heartbeat/configure`|These are added|The answer is `{heartbeat, warnings}`", page
    )
    _, published, added, _ = parts
    rows = field_rows(HeartbeatFields)
    in_common = len(PublishedFields.model_fields)
    assert [line for line in published.splitlines() if line in rows] == rows[:in_common]
    assert [line for line in added.splitlines() if line in rows] == rows[in_common:]


def test_all_that_a_run_can_wait_for_is_documented() -> None:
    [documented] = re.findall(r"^- `waiting`:(.*\n.*\n)", text("docs/api.md"), re.MULTILINE)
    kinds, _ = get_args(LogObject.model_fields["waiting"].annotation)
    assert set(get_args(kinds)) == set(re.findall(r"`(\w+)`", documented))


def test_every_code_of_a_failed_request_is_documented() -> None:
    codes = {code for _, code, _ in (*FINAL, *RETRYABLE)} | REPEATED | PASSING
    assert codes <= set(re.findall(r"`(\w+)`", text("docs/models.md")))


def test_every_command_is_documented_and_nothing_else() -> None:
    documented = set(re.findall(r"^#+ `(heartbeat [a-z -]+?)(?: [A-Z\[].*)?`", text("docs/commands.md"), re.MULTILINE))
    assert documented == commands()


def test_every_flag_is_documented() -> None:
    def flags(command) -> set[str]:
        own = {flag for param in command.params for flag in param.opts if flag.startswith("--")}
        return own.union(*(flags(inner) for inner in getattr(command, "commands", {}).values()))

    documented = set(re.findall(r"`(--[a-z-]+)", text("docs/commands.md")))
    assert flags(get_command(app)) - {"--help"} == documented


def test_make_alone_lists_every_target_the_documents_name() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    named = {target for page in PAGES for target in re.findall(r"`?make ([a-z][a-z-]+)", page.read_text())}
    targets = {name for name in named if re.search(rf"^{name}:", text("Makefile"), re.MULTILINE)}
    assert {"demo", "test", "setup", "up", "bench", "fmt", "lint"} <= targets
    for target in targets:
        assert re.search(rf"\b{target}\b", listed), f"`make` does not list {target}"


def test_links_lead_somewhere() -> None:
    wrong = [
        f"{page.name} links to {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
        if not target.startswith(("http://", "https://", "#")) and not (page.parent / target.split("#")[0]).exists()
    ]
    assert wrong == []


def test_paths_that_are_named_exist() -> None:
    a_path = r"`((?:api|heartbeat|activities|workflows|tests|bench|docs)/[\w./]*\w)/?`"
    wrong = [
        f"{page.name} names {name}"
        for page in PAGES
        for name in re.findall(a_path, page.read_text())
        if "NAME" not in name and not (ROOT / name).exists()
    ]
    assert wrong == []


@cache
def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual hosts make them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_lead_to_headings() -> None:
    wrong = [
        f"{page.name} links to {name}#{anchor}"
        for page in PAGES
        for name, anchor in re.findall(r"\]\(([^)\s#:]*)#([^)\s]+)\)", page.read_text())
        if anchor not in headings(page.parent / name if name else page)
    ]
    assert wrong == []


def walks() -> list[str]:
    """The numbered steps of the two walks through the files."""
    page = text("docs/architecture.md")
    sections = [page.split(f"## {title}")[1].split("\n## ")[0] for title in ("One tick", "One configure")]
    steps = [step for section in sections for step in re.split(r"^\d\. ", section, flags=re.MULTILINE)[1:]]
    return [step.split("\n\n")[0] for step in steps]


@pytest.mark.parametrize("step", walks(), ids=lambda step: " ".join(step.split()[:4]))
def test_every_name_on_a_walk_is_in_a_file_that_its_step_links(step: str) -> None:
    linked = [ROOT / "docs" / name for name in re.findall(r"\]\(([^)]+\.py)\)", step)]
    words = {word for path in linked for word in re.findall(r"\w+", path.read_text())}
    names = {part for name in re.findall(r"`([A-Za-z_][\w.]*)`", step) for part in name.split(".")}
    assert names
    assert names <= words


def folders_of_the_page() -> set[str]:
    """The folders that the tree in docs/architecture.md names, as paths from the root."""
    block = text("docs/architecture.md").split("<!-- tree -->")[1].split("```")[1]
    path: list[str] = []
    folders = set()
    for line in block.strip().splitlines():
        indent, name = re.match(r"( *)(\S+)", line).groups()
        path[len(indent) // 2 :] = [name.rstrip("/")]
        if name.endswith("/"):
            folders.add("/".join(path))
    return folders


def test_the_tree_of_the_architecture_is_the_tree() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    folders = {str(parent) for name in tracked for parent in Path(name).parents} - {"."}
    shown = folders_of_the_page()
    inside = {name for name in folders if name.startswith(("api/", "heartbeat/"))}
    deeper = {name for name in inside if name.startswith("heartbeat/store/migrations/")}
    assert {name for name in shown if "/" in name} == inside - deeper
    assert {name for name in shown if "/" not in name} == {n for n in folders if "/" not in n and n[0] != "."}


def test_the_floors_of_the_architecture_are_those_that_are_held() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", text("docs/architecture.md"), re.MULTILINE)
    shown = {wing: int(floor) for floor, wings in rows for wing in re.findall(r"`(\w+)`", wings)}
    assert shown == {wing: floor + 1 for wing, floor in FLOOR.items()}


def test_every_word_of_the_glossary_stands_once() -> None:
    glossary = text("docs/architecture.md").split("## Glossary")[1].split("## ")[0]
    words = re.findall(r"^\| ([\w ]+) \| ", glossary, re.MULTILINE)
    assert len(words) == len(set(words)) > 25
