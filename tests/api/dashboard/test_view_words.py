"""Words that pages have for what is rare. Pure: no store, no application."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from api.dashboard.forms import Form
from api.dashboard.views import gates, notifications, run_search, selection, settings
from api.dashboard.views.tool_server import SignInView
from heartbeat.domain.plans import Plan
from heartbeat.store.tables.credits import RunSums
from heartbeat.store.tables.notifications import Notification

NOW = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"summary_id": 7, "status": "delivered"}, "told in a summary"),
        ({"summary_id": 7, "status": "held"}, "part of a summary"),
        ({"next_attempt_at": SOON}, "its first attempt is due in 5 min"),
        ({"next_attempt_at": NOW}, "its first attempt is due now"),
        ({"next_attempt_at": SOON, "attempts": 2}, "2 attempts so far, the next in 5 min"),
        ({"status": "failed"}, "never sent"),
    ],
)
def test_what_became_of_a_message(fields: dict[str, Any], words: str) -> None:
    assert notifications.story(Notification(**fields), NOW) == words


def test_ticks_that_were_no_runs_are_told_apart() -> None:
    sums = RunSums(success=2, skipped=5, unchanged=4)
    assert gates.news_line(sums, 7) == "In 7 days: 7 ticks, 2 runs, 4 times nothing new, 1 skipped."
    assert gates.news_line(RunSums(success=2, skipped=4, unchanged=4), 7) == (
        "In 7 days: 6 ticks, 2 runs, 4 times nothing new."
    )


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (None, None),
        ({"outcome": "changed"}, "Something new"),
        ({"outcome": "failed", "detail": "The page is gone."}, "Could not be read: The page is gone."),
    ],
)
def test_what_a_run_saw_at_its_gate(gate: dict[str, Any] | None, words: str | None) -> None:
    assert gates.seen(gate) == words


def test_an_address_made_up_says_nothing_of_what_was_done() -> None:
    assert selection.notice("heartbeats", Form([("done", "explode"), ("n", "3")])) is None


def test_a_word_that_is_in_no_text_has_no_excerpt() -> None:
    run: Any = SimpleNamespace(response="All quiet.", error_message=None, prompt="Look.")
    found = run_search.excerpt(run, "QUIET")
    assert found is not None
    assert run_search.excerpt(run, "loud") is None


def test_how_long_a_plan_keeps_what_was_said() -> None:
    lines = dict(settings.plan_lines(Plan(logs_days=400, prompts_days=1)))
    assert (lines["Logs are kept"], lines["Prompts and answers are kept"]) == ("400 days", "1 day")


def test_a_machine_is_connected_and_a_person_signs_in() -> None:
    view = SignInView(("off", ""), "id.example", False, "", [], None, None, True, False, None)
    assert view.button == "Connect"
