"""The templates to begin from, in the language of the page: what a catalogue has of their texts, else as they are."""

from api.dashboard.translations import gettext as _
from heartbeat.gallery.templates import Template, templates
from heartbeat.gallery.tool_templates import ToolTemplate, tool_templates

# Of the fields of a heartbeat, those that people read.
WORDED = ("label", "prompt", "description")


def gallery() -> dict[str, Template]:
    """Return the heartbeats to begin from by file name, in the order of the names that people read."""
    translated = {key: _translated(template) for key, template in templates().items()}
    return dict(sorted(translated.items(), key=lambda item: item[1].name))


def tool_gallery() -> dict[str, ToolTemplate]:
    """Return the well-known tool servers by file name."""
    return {key: _translated_tool(template) for key, template in tool_templates().items()}


def gallery_texts() -> set[str]:
    """List what there is to translate of all templates."""
    servers = tool_templates().values()
    return {
        *(text for template in templates().values() for text in _texts(template)),
        *(text for server in servers for text in (server.name, server.description, server.hint) if text),
    }


def _texts(template: Template) -> list[str]:
    return [template.name, template.description, *template.tools, *_worded(template).values()]


def _worded(template: Template) -> dict[str, str]:
    return {field: text for field in WORDED if (text := template.values.get(field))}


def _translated(template: Template) -> Template:
    words = {field: _(text) for field, text in _worded(template).items()}
    return template.model_copy(
        update={
            "name": _(template.name),
            "description": _(template.description),
            "tools": [_(tool) for tool in template.tools],
            "heartbeat": template.heartbeat.model_copy(update=words),
        }
    )


def _translated_tool(template: ToolTemplate) -> ToolTemplate:
    words = {"name": template.name, "description": template.description, "hint": template.hint or ""}
    return template.model_copy(update={field: _(text) for field, text in words.items()})
