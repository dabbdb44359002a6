from heartbeat.domain.failure_policy import judge


def test_a_success_ends_the_streak() -> None:
    assert judge("success", "schedule", 4, 5, None).streak == 0


def test_the_last_allowed_failure_pauses_and_says_how_to_go_on() -> None:
    assert judge("error", "schedule", 3, 5, "no key").pause is None
    verdict = judge("error", "schedule", 4, 5, "no key")
    assert (verdict.streak, verdict.pause) == (5, "errors")
    assert verdict.message == "Failed 5 times in a row; the last error: no key. Mend it, then enable again."


def test_one_failure_can_be_enough() -> None:
    verdict = judge("error", "schedule", 0, 1, "no key")
    assert verdict.pause == "errors"
    assert "Failed once" in (verdict.message or "")


def test_a_manual_run_moves_no_streak_and_pauses_nothing() -> None:
    assert judge("error", "manual", 4, 5, "no key").streak == 4
    assert judge("error", "manual", 4, 5, "no key").pause is None
    assert judge("success", "manual", 4, 5, None).streak == 4


def test_a_cancelled_run_is_no_failure() -> None:
    assert judge("cancelled", "schedule", 4, 5, None) == judge("skipped", "schedule", 4, 5, None)
    assert judge("cancelled", "schedule", 4, 5, None).streak == 4
