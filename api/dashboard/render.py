"""Pages as HTML. Everything that is put into a template is escaped; templates and static files lie beside this one."""

import re
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.dashboard import translations
from api.dashboard.navigation import MENU
from api.dashboard.permissions import may
from api.dashboard.prices import price, priced
from api.dashboard.sent_again import new_draft
from api.dashboard.sentences import translate
from api.dashboard.sign_in_ways import sign_in_ways
from api.dashboard.views import formats
from heartbeat.domain.text import TURN, TURNS, spelled_turn

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript"}
# Swagger UI, from the one package that brings its files and asks for nothing but FastAPI.
SWAGGER = ("swagger-ui-bundle.js", "swagger-ui.css")
FILES = (*sorted(path.name for path in (HERE / "static").iterdir()), *SWAGGER)
ASSETS = {name: MEDIA_TYPES[Path(name).suffix] for name in FILES}
ANY_TURN = re.compile(f"[{TURNS}]")
# Text has its quotation marks escaped, so that none looks like a field.
FIELD_OR_TURN = re.compile(rf'<textarea\b.*?</textarea>|\svalue="[^"]*"|{TURN.pattern}', re.DOTALL)


def render(template: str, **context: Any) -> str:
    """Render `template`; a name that `context` does not have is an error, not a blank.

    What turns the direction of text is spelled out, but in fields, which are sent back as they are.
    """
    page = _environment().get_template(f"{template}.html").render(context)
    # Most pages have none, and the search for that is cheap.
    return FIELD_OR_TURN.sub(_spelled, page) if ANY_TURN.search(page) else page


def _spelled(part: re.Match[str]) -> str:
    return part[0] if part[0][0] in "< \t\n" else spelled_turn(part)


@cache
def asset(name: str) -> str:
    """Read a static file."""
    if name in SWAGGER:
        return files("fastapi_offline").joinpath("static", name).read_text(encoding="utf-8")
    return (HERE / "static" / name).read_text(encoding="utf-8")


@cache
def asset_url(name: str) -> str:
    """Return its URL, which changes with its content, so that browsers may cache it for ever."""
    return f"/{name}?v={sha256(asset(name).encode()).hexdigest()[:12]}"


@cache
def _environment() -> "Environment":
    # Two megabytes that an API without readers of its pages does not need.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        translations.gettext, translations.ngettext, newstyle=True
    )
    environment.globals |= {name: _isolating(environment.globals[name]) for name in ("gettext", "ngettext")}
    # Jinja's own takes what it returns for HTML, also a text of somebody that came in place of a message of ours.
    environment.globals["_"] = _translated
    environment.globals["may"] = may
    environment.filters |= {
        "isolated": formats.isolated,
        "number": formats.number,
        "price": price,
        "priced": priced,
        "sentence": formats.sentence,
        "translate": translate,
    }
    environment.globals |= {
        "asset_url": asset_url,
        "formats": formats,
        "language": translations.language,
        "menu": MENU,
        "new_draft": new_draft,
        "sign_in_ways": sign_in_ways,
    }
    return environment


def _isolating(translate: Any) -> Any:
    """Keep what people wrote from turning the sentence of a template that it is put into."""
    from jinja2 import pass_context

    @pass_context
    def isolating(context: Any, *messages: Any, **values: Any) -> Any:
        # What is markup already was put together by a template.
        apart = {name: formats.isolated(value) if type(value) is str else value for name, value in values.items()}
        return translate(context, *messages, **apart)

    return isolating


def _translated(message: str, **values: Any) -> str:
    text = translations.gettext(message)
    return text % {name: formats.isolated(str(value)) for name, value in values.items()} if values else text
