"""Where a page that says no leads back to."""

import pytest

from api.dashboard.navigation import place_of


@pytest.mark.parametrize(
    ("referer", "path", "place"),
    [
        ("http://dash.test/runs/log_1?page=2", "/approvals/apr_1/decide", "/runs"),
        ("", "/approvals/apr_1/decide", "/approvals"),
        ("http://dash.test/sign-in?next=/keys", "/credits/ledger", "/credits"),
        ("http://dash.test/", "/selected/bots/delete", "/"),
        ("http://dash.test/bots?q=desk", "/selected/bots/delete", "/bots"),
        ("", "/rehearsals/log_1", "/runs"),
        ("", "/heartbeats/hb_1/run", "/"),
        ("", "/nowhere", "/"),
        ("http://[evil", "/tasks/tsk_1", "/tasks"),
        ("https://evil.example//evil.example/runs", "/keys", "/keys"),
        ("javascript:alert(1)", "/keys", "/keys"),
    ],
)
def test_it_leads_to_a_place_of_the_menu(referer: str, path: str, place: str) -> None:
    assert place_of([referer, path]).path == place
