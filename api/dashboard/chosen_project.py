"""For which project a page was made: a person with several may turn to another one in another tab meanwhile.

The session knows one project, and a form that names nothing of a project (a hold, an invitation, a key) would reach it.
"""

import re

from fastapi import Request

from api.dashboard.forms import read_form
from heartbeat.domain.errors import Conflict
from heartbeat.store.projects.access import Access

FIELD = "of_project"
FORM = re.compile(r'<form\b[^>]*\bmethod="post"[^>]*>')
OTHER_PROJECT = (
    "You have turned to another project since this page was loaded. Turn back to its project, or open it anew."
)


def name_project(page: str, project_uuid: str) -> str:
    """Have every form of a page say which project the page shows."""
    return FORM.sub(rf'\g<0><input type="hidden" name="{FIELD}" value="{project_uuid}">', page)


async def require_shown_project(request: Request, access: Access) -> None:
    """Raise `Conflict` for a form of a page that shows another project than the session has now."""
    if access.user is None:
        return
    shown = (await read_form(request)).get(FIELD)
    if shown and shown != access.project.uuid:
        raise Conflict("other_project", OTHER_PROJECT)
