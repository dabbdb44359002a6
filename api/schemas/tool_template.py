"""A tool that begins as one of the well-known servers of the gallery: what is left out is taken from there."""

from typing import Annotated, Any

from pydantic import AliasChoices, AliasPath, BeforeValidator, Field

from api.schemas.fields import wrong_field
from api.schemas.tool_sign_in import A_WHOLE_CLIENT
from heartbeat.domain.field_types import is_blank
from heartbeat.gallery.tool_templates import COLUMNS, tool_templates

FIELD = "template"
TEMPLATE = "A well-known server, whose label, address, transport and risks are taken where they are not sent."

TemplateName = Annotated[
    str,
    BeforeValidator(lambda template: template["name"]),
    Field(json_schema_extra=lambda schema: schema.update(enum=sorted(tool_templates()))),
]


def or_of_template(choices: AliasChoices, name: str) -> AliasChoices:
    """Where a field is looked for: at last in the template."""
    return AliasChoices(*choices.choices, AliasPath(FIELD, name))


def with_template(body: Any) -> Any:
    """Put the values of the template that `body` names in place of its name; raises for one that does not exist."""
    if not isinstance(body, dict) or FIELD not in body:
        return body
    name = body[FIELD]
    if name is None or is_blank(name):
        return {field: value for field, value in body.items() if field != FIELD}
    templates = tool_templates()
    if not isinstance(name, str) or name not in templates:
        raise wrong_field(FIELD, f"must be one of {', '.join(sorted(templates))}")
    sent = {field: value for field, value in body.items() if field not in COLUMNS or not is_blank(value)}
    return {**sent, FIELD: {"name": name, **templates[name].values}}


def may_come_from_template(schema: dict[str, Any]) -> None:
    """Tell in a request's schema that a template has what is required otherwise."""
    without = [field for field in schema["required"] if field in COLUMNS]
    a_template = {"required": [FIELD], "properties": {FIELD: {"type": "string"}}}
    schema["allOf"] = [*A_WHOLE_CLIENT, {"anyOf": [a_template, {"required": without}]}]
    schema["required"] = [field for field in schema["required"] if field not in COLUMNS]
