"""How messages become JSON in Temporal: under the names of `WIRE_NAMES`, whatever the code calls their fields."""

import dataclasses
from functools import cache
from typing import Any, get_type_hints

from temporalio.converter import (
    AdvancedJSONEncoder,
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
    JSONTypeConverter,
    value_to_type,
)

from heartbeat.domain.contracts import WIRE_NAMES, RunRequest

PLAIN = (str, int, bool)
FIELD_NAMES = {wire: name for name, wire in WIRE_NAMES.items()}


class MessageEncoder(AdvancedJSONEncoder):
    """Writes the fields of a dataclass under their wire names, which every version of the product reads."""

    def default(self, o: Any) -> Any:
        if dataclasses.is_dataclass(o) and not isinstance(o, type):
            return {WIRE_NAMES.get(field.name, field.name): getattr(o, field.name) for field in dataclasses.fields(o)}
        return super().default(o)


class MessageDecoder(JSONTypeConverter):
    """Reads a dataclass's fields by either name. Fields of a later version are ignored, missing ones get defaults."""

    def to_typed_value(self, hint: type, value: Any) -> Any:
        if not (dataclasses.is_dataclass(hint) and isinstance(value, dict)):
            return JSONTypeConverter.Unhandled
        hints = _hints_of(hint)
        fields = {FIELD_NAMES.get(name, name): part for name, part in value.items()}
        return hint(**{name: self._typed(hints[name], fields[name]) for name in fields if name in hints})

    def _typed(self, hint: type, value: Any) -> Any:
        # Most fields are what they say; to look at their types takes longer than to read the message.
        return value if hint in PLAIN and type(value) is hint else value_to_type(hint, value, [self])


@cache
def _hints_of(message: type) -> dict[str, Any]:
    return get_type_hints(message)


JSON = JSONPlainPayloadConverter(encoder=MessageEncoder, custom_type_converters=[MessageDecoder()])
# Made once: a converter is made for every workflow, and these keep nothing.
CONVERTERS = [
    JSON if isinstance(converter, JSONPlainPayloadConverter) else converter
    for converter in DefaultPayloadConverter.default_encoding_payload_converters
]


def read_request(request: Any) -> RunRequest:
    """Read the argument of a run that has one alone. The SDK reads arguments by their types if all are there, else as
    what JSON has.
    """
    read: RunRequest = value_to_type(RunRequest, request, [MessageDecoder()])
    return read


class MessagePayloadConverter(CompositePayloadConverter):
    """The SDK's own converters, but for JSON."""

    def __init__(self) -> None:
        super().__init__(*CONVERTERS)


# For every client, worker and replayer of the product.
DATA_CONVERTER = DataConverter(payload_converter_class=MessagePayloadConverter)
