"""Parsers of payloads. Each raises `Unmappable` for one that it cannot parse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from event_source.message import Unmappable
from shared.runtime.file_watch import FileRefused, read_small

EVENT = "challenge.v1.Event"
"""The message of the contract, which needs no descriptors and no rules."""


class DescriptorsInvalid(Exception):
    """The type of the payloads is not known; the message is the end of a sentence."""


def parse_json(payload: bytes) -> object:
    """Return the document in a JSON payload, which must be an object."""
    try:
        document = _DECODE(payload.decode())
    except (ValueError, RecursionError) as error:
        raise Unmappable(f"is not JSON: {str(error)[:100]}") from None
    if not isinstance(document, dict):
        raise Unmappable("is not a JSON object")
    return document


_DECODE = json.JSONDecoder().decode


def protobuf_parser(descriptor: Descriptor) -> Callable[[bytes], object]:
    """Return the parser of payloads of this type."""
    parse = GetMessageClass(descriptor).FromString

    def parsed(payload: bytes) -> object:
        try:
            return parse(payload)
        except DecodeError:
            raise Unmappable(f"is not an encoded {descriptor.full_name}") from None

    return parsed


def descriptor_of(name: str, file: Path) -> Descriptor:
    """Return a message type from a file with a `FileDescriptorSet`. Raise `DescriptorsInvalid`.

    protoc makes such files with `--include_imports` and `--descriptor_set_out`.
    """
    pool = descriptor_pool.DescriptorPool()
    try:
        files = descriptor_pb2.FileDescriptorSet.FromString(read_small(file))
        for each in files.file:
            pool.Add(each)
        return pool.FindMessageTypeByName(name)
    except FileRefused as error:
        raise DescriptorsInvalid(f": {error}") from None
    except DecodeError:
        raise DescriptorsInvalid("is no set of descriptors; protoc --descriptor_set_out makes one") from None
    except KeyError:
        raise DescriptorsInvalid(f"has no message {name}") from None
    except TypeError as error:
        raise DescriptorsInvalid(f"cannot be used, are all imports in it? {str(error)[:200]}") from None
