"""What is handed to operators under deploy/ names settings and commands of the product."""

import re
from pathlib import Path

from tests.support.documented import SETTING, commands, setting_names

DEPLOY = Path(__file__).parent.parent.parent / "deploy"


def chart_texts() -> dict[str, str]:
    paths = (DEPLOY / "helm" / "heartbeat").rglob("*")
    return {path.name: path.read_text() for path in paths if path.is_file()}


def test_the_chart_names_settings_of_the_product() -> None:
    named = {name for text in chart_texts().values() for name in SETTING.findall(text)}
    assert {"HEARTBEAT_DATABASE_URL", "TEMPORAL_ADDRESS"} <= named
    assert named <= setting_names()


def test_the_chart_runs_commands_of_the_product() -> None:
    arguments = {word for text in chart_texts().values() for word in re.findall(r"args: \[(\w+)\]", text)}
    assert arguments == {"api", "worker", "migrate"}
    assert {f"heartbeat {word}" for word in arguments} <= commands()
