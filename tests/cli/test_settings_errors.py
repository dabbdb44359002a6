"""A setting that cannot be used is named by its variable, and its value is not shown."""

import pytest
from pydantic_settings import SettingsError

from heartbeat.cli.settings_errors import explain
from heartbeat.settings import Settings


def test_a_setting_that_is_no_json_is_named_and_shown_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTBEAT_EGRESS_ALLOW", "canary")
    with pytest.raises(SettingsError) as problem:
        Settings(_env_file=None)
    words = explain(problem.value)
    assert words.startswith("HEARTBEAT_EGRESS_ALLOW: must be JSON, such as ")
    assert "canary" not in words
