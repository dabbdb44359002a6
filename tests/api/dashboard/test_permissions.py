"""Pages show no button and lead to no page that would be refused; `every_page` follows each link."""

import re

import pytest
from sqlalchemy import update

from api.operations import OPERATIONS
from heartbeat.domain.scopes import PRESETS, Scope, read_scopes
from heartbeat.store.projects.projects import KEY
from tests.support.dashboard import Owner, every_page
from tests.support.html_pages import HtmlPage
from tests.support.one_of_everything import one_of_everything

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ACTIONS = {
    re.compile(re.sub(r"{\w+}", "[^/]+", operation.removeprefix("POST "))): scope
    for operation, scope in OPERATIONS.items()
    if operation.startswith("POST /") and not operation.startswith("POST /v1/")
}


def needed(target: str) -> Scope | None:
    """The scope of a button; of two operations that fit, the one without an id is first."""
    path = target.partition("?")[0]
    return next(scope for action, scope in sorted(ACTIONS.items(), key=_ids) if action.fullmatch(path))


def _ids(action: tuple[re.Pattern[str], Scope | None]) -> int:
    return action[0].pattern.count("[^/]+")


def buttons(pages: dict[str, HtmlPage]) -> set[str]:
    """Where the buttons of all pages send their forms to."""
    forms = [form for page in pages.values() for form in page.forms if form.method == "post"]
    return {target for form in forms for target in form.targets}


@pytest.mark.parametrize("preset", ["viewer", "operator"])
async def test_nothing_is_offered_that_would_be_refused(owner: Owner, preset: str) -> None:
    await owner.database.write(one_of_everything, owner, "Zebra")
    scopes = " ".join(PRESETS[preset])
    await owner.database.write(lambda c: c.execute(update(KEY).values(scopes=scopes)))
    pages = await every_page(owner.browser)
    assert len(pages) > 20
    offered = {target: needed(target) for target in buttons(pages)}
    assert {target for target, scope in offered.items() if scope and scope not in read_scopes(scopes)} == set()
    for admins in ("/members", "/keys", "/audit"):
        refused = await owner.browser.get(admins, headers={"referer": "http://dash.test/keys"})
        assert (refused.status_code, 'class="button" href="/"' in refused.text) == (403, True)
        assert "This needs the scope <code>admin</code>, which" in refused.text
    assert (Scope.RUN in offered.values()) == (Scope.APPROVE in offered.values()) == (preset == "operator")
