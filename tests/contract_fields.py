"""The fields of the contract's requests, so that tests notice a new one."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, FieldDescriptor, ServiceDescriptor


def request_fields(service: ServiceDescriptor) -> set[str]:
    """Every field that a caller of the service can set, as `Message.field`; a timestamp is one value."""
    return {
        f"{field.containing_type.name}.{field.name}"
        for method in service.methods
        for field in _fields(method.input_type)
    }


def _fields(message: Descriptor) -> Iterator[FieldDescriptor]:
    for field in message.fields:
        yield field
        nested = field.message_type
        if nested is not None and nested.file.package == message.file.package:
            yield from _fields(nested)
