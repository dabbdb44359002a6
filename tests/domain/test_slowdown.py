"""How long somebody waits who fails to get in: not at first, then ever longer, a quarter of an hour at most."""

from datetime import UTC, datetime, timedelta

from heartbeat.domain.networks import client_network
from heartbeat.domain.slowdown import FORGIVEN_AFTER, LONGEST_WAIT, Slowdown, after_failure

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FREE = 10


def failing(times: int, pause: timedelta = timedelta()) -> tuple[Slowdown, datetime, list[float]]:
    """Fail so often, each time once the wait and `pause` are over; returns the waits in seconds, too."""
    slowdown, now, waits = Slowdown(NOON, NOON), NOON, []
    for _ in range(times):
        slowdown = after_failure(slowdown, now, FREE)
        waits.append(slowdown.wait(now).total_seconds())
        now = max(now, slowdown.until) + pause
    return slowdown, now, waits


def test_waits_double_beyond_what_is_free_up_to_the_longest() -> None:
    _, _, waits = failing(FREE + 40)
    assert waits[:FREE] == [0] * FREE
    assert waits[FREE : FREE + 10] == [2**doubled for doubled in range(10)]
    assert waits == sorted(waits), "one is forgiven meanwhile, and no wait is shorter for it"
    assert set(waits[FREE + 12 :]) == {LONGEST_WAIT.total_seconds()}


def test_who_goes_on_for_a_day_has_tried_little_more_than_a_hundred_times() -> None:
    slowdown, now, tries = None, NOON, 0
    while now < NOON + timedelta(days=1):
        slowdown = after_failure(slowdown, now, FREE)
        now, tries = max(now, slowdown.until), tries + 1
    assert tries < 130


def test_mistakes_that_are_far_apart_do_not_add_up() -> None:
    _, _, waits = failing(200, FORGIVEN_AFTER)
    assert set(waits) == {0}


def test_all_is_forgiven_within_six_hours() -> None:
    slowdown, now, _ = failing(100)
    assert slowdown.clears_at - now < timedelta(hours=6)
    assert slowdown.failures(slowdown.clears_at) == 0
    assert after_failure(slowdown, slowdown.clears_at, FREE) == after_failure(None, slowdown.clears_at, FREE)


def test_a_clock_that_is_moved_locks_nobody_out() -> None:
    slowdown, now, _ = failing(FREE + 5)
    back = now - timedelta(days=30)
    assert slowdown.wait(back) == timedelta()
    again = after_failure(slowdown, back, FREE)
    assert again.wait(back) <= LONGEST_WAIT
    assert again.clears_at - back < timedelta(hours=6)
    ahead = now + timedelta(days=30)
    assert after_failure(slowdown, ahead, FREE).wait(ahead) == timedelta()


def test_one_client_is_an_address_or_a_network_of_ipv6() -> None:
    assert client_network("203.0.113.7") == client_network("::ffff:203.0.113.7") == "203.0.113.7"
    assert client_network("2001:db8:1:2:3::4") == client_network("2001:db8:1:2:ffff::") == "2001:db8:1:2::/64"
    assert client_network("2001:db8:1:3::") != client_network("2001:db8:1:2::")
    assert client_network("fe80::1%eth0") == "fe80::/64"
    assert (client_network(""), client_network("unknown"), len(client_network("x" * 500))) == ("", "unknown", 64)
