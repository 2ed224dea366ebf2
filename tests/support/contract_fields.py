"""The fields of the contract's requests, so that tests notice new ones."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, ServiceDescriptor


def request_fields(service: ServiceDescriptor) -> set[str]:
    """Return every field that a caller can set, as message, dot and field; timestamps and maps are one value."""
    return {name for method in service.methods for name in _fields(method.input_type)}


def _fields(message: Descriptor) -> Iterator[str]:
    for field in message.fields:
        yield f"{message.name}.{field.name}"
        nested = field.message_type
        if nested is not None and nested.file.package == message.file.package and not nested.GetOptions().map_entry:
            yield from _fields(nested)
