"""Pages read as a browser reads them: their elements, their links, and their forms with what stands in them."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

ID = re.compile(r"/[a-z]+_[0-9a-z]{16,}")
# What is no page of its own: assets, the link of a message, and what a script asks for.
NO_PLACE = re.compile(r"^/(docs|static|sign-in|sign-out|oauth)|/(events|json)$|\.(js|css|csv|jsonl)\b")
READ = ("title", "aria-label", "placeholder", "alt")
TYPED = {"text", "search", "email", "url", "password", "textarea", "number", "time", "date", "datetime-local"}


def path_of(address: str) -> str:
    """Its path with each id in it written as `{id}`: those of two rows are alike."""
    return ID.sub("/{id}", urlsplit(address).path)


def kind_of(address: str) -> str:
    """What is one page: those of two rows are alike, and so are two filters by the same fields."""
    fields = {name for name, _ in parse_qsl(urlsplit(address).query)}
    return f"{path_of(address)}?{','.join(sorted(fields))}"


@dataclass
class HtmlForm:
    """`fields` are sent as they stand, `typed` names those that a person types into, `buttons` those that send it.

    `targets` are where the buttons, those without a name too, send it to.
    """

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)


class HtmlPage(HTMLParser):
    """A page taken apart; `elements` are all tags with their attributes, `texts` what is read or read aloud."""

    def __init__(self, text: str, path: str = "/") -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.forms: list[HtmlForm] = []
        self._path = path
        self._form: HtmlForm | None = None
        self._options: list[tuple[str, bool]] = []
        self._select = self._area = ""
        self.feed(text)

    @property
    def links(self) -> list[str]:
        """The pages of the site that it leads to."""
        addresses = [attributes.get("href") or "" for tag, attributes in self.elements if tag == "a"]
        return [address for address in addresses if address.startswith("/") and not address.startswith("//")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        self.texts += [attributes[name] or "" for name in READ if name in attributes]
        read = getattr(self, f"_read_{tag}", None)
        if read and (tag == "form" or self._form):
            read(attributes)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "textarea" and self._form:
            self._area = ""
        elif tag == "select" and self._form and self._options:
            chosen = [value for value, selected in self._options if selected] or [self._options[0][0]]
            self._form.fields.append((self._select, chosen[0]))
            self._options = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self._area and self._form:
            self._form.fields.append((self._area, data))

    def _read_form(self, attributes: dict[str, str | None]) -> None:
        self._form = HtmlForm(attributes.get("action") or self._path, attributes.get("method") or "get")
        self.forms.append(self._form)

    def _read_input(self, attributes: dict[str, str | None]) -> None:
        assert self._form
        kind, name, value = attributes.get("type") or "text", attributes.get("name"), attributes.get("value") or ""
        if name and (kind not in {"checkbox", "radio"} or "checked" in attributes):
            self._form.fields.append((name, value))
        if name and kind in TYPED:
            self._form.typed.append(name)

    def _read_textarea(self, attributes: dict[str, str | None]) -> None:
        assert self._form
        self._area = attributes.get("name") or ""
        self._form.typed.append(self._area)

    def _read_select(self, attributes: dict[str, str | None]) -> None:
        self._select = attributes.get("name") or ""

    def _read_option(self, attributes: dict[str, str | None]) -> None:
        self._options.append((attributes.get("value") or "", "selected" in attributes))

    def _read_button(self, attributes: dict[str, str | None]) -> None:
        assert self._form
        self._form.targets.append(attributes.get("formaction") or self._form.action)
        if name := attributes.get("name"):
            self._form.buttons.append((name, attributes.get("value") or ""))


HARMLESS_SCHEMES = ("/", "#", "http://", "https://", "mailto:", "?")


def dangers(page: HtmlPage) -> list[str]:
    """What of a page could run as script, or be fetched from elsewhere."""
    return [f"<{tag} {attributes}>" for tag, attributes in page.elements if _is_danger(tag, attributes)]


def _is_danger(tag: str, attributes: dict[str, str | None]) -> bool:
    if tag in {"iframe", "object", "embed", "base", "img", "style", "animate", "use", "x", "javascript"}:
        return True
    if any(name.startswith("on") or name == "style" for name in attributes):
        return True
    if tag == "script":
        return not (attributes.get("src") or "").startswith("/")
    address = attributes.get("href") or attributes.get("action") or attributes.get("formaction")
    icon = tag == "link" and attributes.get("rel") == "icon"
    return bool(address) and not icon and not (address or "").startswith(HARMLESS_SCHEMES)
