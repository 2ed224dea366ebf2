"""Paths into payloads: `$.player.id`, `$.players[0].id`."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor

Read: TypeAlias = Callable[[Any], object]
"""Returns the value in a parsed payload; None if it is not there."""

Path: TypeAlias = tuple[str | int, ...]

PATH = re.compile(r"\$(?:\.[^.\[\]\s]+|\[\d{1,4}\])+")
_PART = re.compile(r"\.([^.\[\]\s]+)|\[(\d+)\]")

TIMESTAMP = "google.protobuf.Timestamp"

_UNUSABLE = {FieldDescriptor.TYPE_BYTES: "bytes", FieldDescriptor.TYPE_GROUP: "a group"}


class PathInvalid(Exception):
    """The path leads nowhere; the message is the end of a sentence about it."""


def is_path(text: str) -> bool:
    """Return whether a text of the mapping file is meant as a path, valid or not."""
    return text.startswith("$") and not text.startswith("$$")


def path_of(text: str) -> Path:
    """Return the keys and indexes of a path. Raise `PathInvalid`."""
    if not PATH.fullmatch(text):
        raise PathInvalid("is not a path such as $.player.id; a text that begins with $ is written with $$")
    return tuple(key or int(index) for key, index in _PART.findall(text))


def in_json(path: Path) -> Read:
    """Return the reader of a value in a JSON document. Null counts as not there."""
    if len(path) == 1 and isinstance(path[0], str):
        return partial(_member, path[0])
    return partial(_descend, path)


def _member(key: str, document: object) -> object:
    return document.get(key) if isinstance(document, dict) else None


def _descend(path: Path, document: object) -> object:
    for key in path:
        if isinstance(document, dict):
            document = document.get(key) if isinstance(key, str) else None
        elif isinstance(document, list) and isinstance(key, int) and key < len(document):
            document = document[key]
        else:
            return None
    return document


def in_message(descriptor: Descriptor, path: Path) -> tuple[Read, FieldDescriptor]:
    """Return the reader of a field, and the field. Raise `PathInvalid` if messages of this type have no such field.

    Fields without presence are always there, with their default values. Enums are read as the names of their values.
    A path may go through a map with text keys, and its last part is then the key.
    """
    steps: list[Read] = []
    last: FieldDescriptor | None = None
    message: Descriptor | None = descriptor
    parts = list(path)
    while parts:
        name = parts.pop(0)
        field = message.fields_by_name.get(name) if message is not None and isinstance(name, str) else None
        if field is None:
            where = message.full_name if message is not None else "a field that is no message"
            raise PathInvalid(f"has the part {name!r}, which is no field of {where}")
        last, message = field, field.message_type
        if _is_map(field):
            last = _map_value(field, parts)
            steps.append(partial(_entry, field.name, parts.pop(0)))
            message = last.message_type
        elif field.is_repeated:
            raise PathInvalid(f"leads through {field.full_name}, which is repeated")
        else:
            steps.append(partial(_present, field.name) if field.has_presence else partial(_always, field.name))
    if last is None:
        raise PathInvalid("is empty")
    if last.type in _UNUSABLE:
        raise PathInvalid(f"leads to {_UNUSABLE[last.type]}")
    if last.message_type is not None and last.message_type.full_name != TIMESTAMP:
        raise PathInvalid(f"leads to a message, {last.message_type.full_name}")
    if last.enum_type is not None:
        steps.append(partial(_enum_name, {value.number: value.name for value in last.enum_type.values}))
    return (steps[0] if len(steps) == 1 else partial(_follow, tuple(steps))), last


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _map_value(field: FieldDescriptor, parts: Path | list[str | int]) -> FieldDescriptor:
    """Return the descriptor of a map's values. Raise `PathInvalid` unless the next part is a key of the map."""
    entry = field.message_type
    assert entry is not None  # noqa: S101 - maps have entries
    if entry.fields_by_name["key"].type != FieldDescriptor.TYPE_STRING:
        raise PathInvalid(f"leads through {field.full_name}, whose keys are no text")
    if not parts or not isinstance(parts[0], str):
        raise PathInvalid(f"leads to the map {field.full_name}: name one of its keys")
    return entry.fields_by_name["value"]


def _follow(steps: tuple[Read, ...], message: object) -> object:
    for step in steps:
        message = step(message)
        if message is None:
            return None
    return message


def _always(name: str, message: Any) -> object:
    return getattr(message, name)


def _present(name: str, message: Any) -> object:
    return getattr(message, name) if message.HasField(name) else None


def _entry(name: str, key: object, message: Any) -> object:
    """Return the value of a key in the message's map `name`; None if the map has no such key."""
    # An index that a map does not have would be added to it.
    return getattr(message, name).get(key)


def _enum_name(names: dict[int, str], number: Any) -> object:
    return names.get(number, number)
