"""What the form of a tool server shows of the well-known one that it began with: above all how one signs in."""

from dataclasses import dataclass

from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views.formats import date_with_year
from heartbeat.gallery.tool_templates import ToolTemplate

SIGN_IN = {
    "none": marked("It needs no account."),
    "oauth": marked("You sign in with your account there, in this browser."),
    "client": marked(
        "You sign in with your account there, in this browser, as a client that you register with its maker first."
    ),
    "header": marked("Write the header %(header)s below, with a token from there."),
}
ALSO = {
    "oauth": marked("Or you sign in with your account there, in this browser."),
    "client": marked(
        "Or you sign in with your account there, in this browser, as a client that you register with its maker first."
    ),
    "header": marked("Or write the header %(header)s below, with a token from there."),
}


@dataclass(frozen=True)
class ToolTemplateView:
    """The template that a form began with. `sign_in` are sentences, the best way first."""

    key: str
    name: str
    sign_in: list[str]
    hint: str | None
    documentation: str
    read_on: str


def tool_template_view(key: str, template: ToolTemplate) -> ToolTemplateView:
    first, *others = template.sign_in
    sentences = [SIGN_IN[first], *(ALSO[way] for way in others)]
    return ToolTemplateView(
        key=key,
        name=template.name,
        sign_in=[_(sentence) % {"header": template.header} for sentence in sentences],
        hint=template.hint,
        documentation=template.documentation,
        read_on=date_with_year(template.read_on),
    )
