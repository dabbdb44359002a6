"""Well-known tool servers to connect. Each is a file in `tools/`, named for its server; a new file is all it takes.

They say what the servers' makers document. None is asked anything until somebody connects it.
"""

from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from heartbeat.domain.tool_risks import Risk
from heartbeat.gallery.files import read

FILES = Path(__file__).parent / "tools"
ADVICE = "see docs/tools.md, Well-known servers"
COLUMNS = ("server_label", "server_url", "transport", "risks")


def _https(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or parts.query:
        raise ValueError("must be an https address without a query")
    return value


# How a server knows who calls. `oauth`: one signs in with a browser, and the server takes clients that it has not met.
# `client`: the same, as a client that somebody registered with the maker before. `header`: a token in a header.
SignIn = Literal["none", "oauth", "client", "header"]
Words = Annotated[str, Field(min_length=1, max_length=300)]
Https = Annotated[str, Field(max_length=500), AfterValidator(_https)]


class ToolTemplate(BaseModel):
    """A server as its maker documents it.

    `sign_in` lists the ways in, the best first. `header` is the one that a token is sent in, as it is typed. `hint` is
    what else one has to know. The documentation was read on `read_on`.
    """

    model_config = ConfigDict(extra="forbid")

    name: Words
    description: Words
    server_label: Annotated[str, Field(pattern="^[a-z0-9_-]{1,40}$")]
    server_url: Https
    transport: Literal["http", "sse"]
    sign_in: Annotated[list[SignIn], Field(min_length=1)]
    header: Words | None = None
    hint: Words | None = None
    risks: list[Risk]
    documentation: Https
    read_on: date

    @property
    def values(self) -> dict[str, Any]:
        """Return what a tool begins with, by the names of the API."""
        return self.model_dump(include=set(COLUMNS))


@cache
def tool_templates() -> dict[str, ToolTemplate]:
    """Read the whole gallery, by file name, in the order of the names that people read; raises `TemplateError`."""
    files = {path.stem: read_tool_template(path) for path in sorted(FILES.glob("*.yaml"))}
    return dict(sorted(files.items(), key=lambda item: item[1].name.casefold()))


def read_tool_template(path: Path) -> ToolTemplate:
    """Read one file; raises `TemplateError`."""
    return read(path, ToolTemplate, ADVICE)
