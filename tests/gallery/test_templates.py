"""Every template of the gallery is one, and what is none is refused in words that help its author."""

from pathlib import Path

import pytest

from heartbeat.gallery.files import TemplateError
from heartbeat.gallery.templates import FILES, read_template, templates

GOOD = """
name: A name
description: What it is for.
heartbeat:
  prompt: Do it.
  interval_minutes: 30
"""


@pytest.mark.parametrize("path", sorted(FILES.iterdir()), ids=lambda path: path.name)
def test_each_file_is_a_template_with_limits(path: Path) -> None:
    assert path.suffix == ".yaml"
    template = read_template(path)
    assert templates()[path.stem] == template
    # Whoever begins with one is not surprised by what it costs.
    assert {"label", "credit_budget", "max_steps"} <= template.values.keys()
    assert template.values.get("interval_minutes", 60) >= 15
    assert template.description.endswith(".")


def test_there_are_a_dozen_of_which_one_needs_no_tools() -> None:
    assert len(templates()) >= 12
    assert any(not template.tools for template in templates().values())
    names = [template.name for template in templates().values()]
    assert names == sorted(set(names))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "mine.yaml: file:"),
        ("- a list", "mine.yaml: file:"),
        ("name: [", "mine.yaml: is not YAML in UTF-8"),
        (GOOD.replace("name: A name\n", ""), "mine.yaml: name: Field required"),
        (GOOD + "icon: heart\n", "mine.yaml: icon: Extra inputs are not permitted"),
        (GOOD + "  promt: typo\n", "mine.yaml: heartbeat.promt: Extra inputs are not permitted"),
        (GOOD.replace("prompt: Do it.", "prompt: ''"), "mine.yaml: heartbeat.prompt: Value error, must not be empty"),
        (GOOD + "  max_steps: 0\n", "mine.yaml: heartbeat.max_steps: Input should be greater than or equal to 1"),
        (GOOD + "  cron_pattern: 0 9 * * *\n", "heartbeat.cron_pattern: give either"),
        (GOOD.replace("  interval_minutes: 30\n", ""), "heartbeat.cron_pattern: give either"),
        (
            GOOD.replace("interval_minutes: 30", "cron_pattern: 0 9 31 2 *"),
            "heartbeat.cron_pattern: '0 9 31 2 *' never",
        ),
        (GOOD + "  timezone: Berlin\n", "heartbeat.timezone: 'Berlin' is not a time zone; write 'Europe/Berlin'"),
        (GOOD + "  active_hours_start: '09:00'\n", "heartbeat.active_hours_end: is missing"),
    ],
)
def test_what_is_no_template_is_refused_by_file_and_field(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(TemplateError) as problem:
        read_template(path)
    assert words in str(problem.value)
    assert "docs/dashboard.md" in str(problem.value)


def test_other_bytes_than_text_are_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"name: \xff\xfe")
    with pytest.raises(TemplateError, match=r"mine\.yaml: is not YAML in UTF-8"):
        read_template(path)
