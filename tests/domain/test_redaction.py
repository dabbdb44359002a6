import pytest

from heartbeat.domain.redaction import mask, shown_address
from heartbeat.temporal.summaries import MAX, run_summary


def test_the_summary_names_the_bot_and_the_prompts_start() -> None:
    assert run_summary("Support desk", "Check for new\n tickets") == "Support desk: Check for new tickets"


def test_a_long_prompt_is_cut() -> None:
    assert len(run_summary("Bot", "word " * 10_000)) == MAX


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abc123def456",
        "ghp_0123456789abcdef",
        "0f9e8d7c6b5a49382716050f9e8d7c6b",
        "password: hunter2",
        "the token is abcde",
        "https://joe:hunter2@example.org/x",
        "https://example.org/?api_key=abcde&x=1",
    ],
)
def test_what_looks_like_a_secret_is_masked(secret: str) -> None:
    masked = mask(f"Log in with {secret} please")
    assert "•••" in masked
    for part in ("hunter2", "abc123", "abcde", "0123456789", "0f9e8d7c"):
        assert part not in masked


def test_ordinary_words_stay() -> None:
    text = "Check https://example.org/tickets?page=2 for urgent tickets and summarize them."
    assert mask(text) == text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://desk.test/mcp", "https://desk.test/mcp"),
        ("https://desk.test/mcp?token=abc", "https://desk.test/mcp"),
        ("https://user:pass@desk.test:8443/mcp#part", "https://desk.test:8443/mcp"),
        ("https://desk.test?a=/b@c", "https://desk.test"),
        ("http://[::1", "http://[::1"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert shown_address(url) == shown
