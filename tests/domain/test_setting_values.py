"""Values of settings as files, secrets and shells hand them over."""

from typing import Any

import pytest
from pydantic import ValidationError

from heartbeat.domain.setting_values import bare
from heartbeat.settings import Settings

KEY = "sk-0123456789abcdef"


@pytest.mark.parametrize(
    ("value", "is_read_as"),
    [
        (f"{KEY}\n", KEY),
        (f"{KEY}\r\n", KEY),
        (f" {KEY}\t", KEY),
        (f"\ufeff{KEY}", KEY),
        (f"{KEY}\u00a0", KEY),
        (f'"{KEY}"', KEY),
        (f"'{KEY}'\n", KEY),
        (f'" {KEY} "', KEY),
        ('"', '"'),
        ("\"it's", "\"it's"),
        ("", ""),
        (7, 7),
    ],
)
def test_what_stands_around_a_value_is_no_part_of_it(value: Any, is_read_as: Any) -> None:
    assert bare(value) == is_read_as


def test_quotes_around_nothing_are_nothing() -> None:
    settings = Settings(_env_file=None, openai_base_url='""', ollama_base_url="' '")
    assert (settings.openai_base_url, settings.ollama_base_url) == (None, "http://127.0.0.1:11434/v1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_API_KEY", "sk–0123456789abcdef"),
        ("ANTHROPIC_API_KEY", "sk\n0123456789abcdef"),
        ("GOOGLE_API_KEY", "“sk-0123456789abcdef”"),
        ("GEMINI_API_KEY", "sk\x000123456789abcdef"),
        ("TEMPORAL_API_KEY", "sk\udcff0123456789abcdef"),
        ("OPENAI_BASE_URL", "0123456789abcdef:8080/v1"),
        ("OPENAI_BASE_URL", "https://0123456789abcdef.example/v 1"),
        ("ANTHROPIC_BASE_URL", "https://"),
        ("GOOGLE_GEMINI_BASE_URL", "ftp://0123456789abcdef"),
        ("OLLAMA_BASE_URL", "http://0123456789abcdef:port/v1"),
        ("HEARTBEAT_LOCAL_URL", "http://[0123456789abcdef"),
        ("HTTP_PROXY", "socks5://0123456789abcdef"),
        ("https_proxy", "http://0123456789abcdef:99999"),
        ("SSL_CERT_FILE", "/nowhere/0123456789abcdef"),
    ],
)
def test_what_cannot_work_is_refused_by_name_and_not_shown(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "\x00" in value:
        # No environment holds it, a file might.
        problem = _refusal(google_api_key=value)
    else:
        monkeypatch.setenv(name, value)
        problem = _refusal()
    [error] = problem.errors()
    assert str(error["loc"][0]).upper() in (name.upper(), "GOOGLE_API_KEY", "LOCAL_URL")
    assert "0123456789abcdef" not in str(problem)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"oidc_issuer": "http://login.example.com", "oidc_client_id": "x"}, "must be https"),
        ({"oidc_issuer": "login.example.com", "oidc_client_id": "x"}, "must be an https address"),
        ({"oidc_issuer": "https://login.example.com"}, "needs HEARTBEAT_OIDC_CLIENT_ID"),
        ({"oidc_scopes": "profile email"}, "oidc_scopes"),
        ({"oidc_groups": {"ops": {"project": "proj_1", "role": "owner"}}}, "must be one of viewer, operator"),
        ({"oidc_groups": {"ops": {"role": "viewer"}}}, "project"),
        ({"oidc_groups": ["ops"]}, "oidc_groups"),
    ],
    ids=str,
)
def test_an_issuer_that_cannot_work_is_refused(values: dict[str, Any], says: str) -> None:
    assert says in str(_refusal(**values))


def test_a_group_gives_a_role_in_one_project_or_several(monkeypatch: pytest.MonkeyPatch) -> None:
    one = '{"project": "proj_1", "role": "admin"}'
    monkeypatch.setenv("HEARTBEAT_OIDC_GROUPS", f'{{"one": {one}, "two": [{one}, {one}]}}')
    groups = Settings(_env_file=None, oidc_issuer="http://127.0.0.1:3000", oidc_client_id="x").oidc_groups
    assert [len(groups[name]) for name in ("one", "two")] == [1, 2]


def _refusal(**values: Any) -> ValidationError:
    with pytest.raises(ValidationError) as refused:
        Settings(_env_file=None, **values)
    return refused.value
