"""Mappings and messages for tests."""

from __future__ import annotations

import json
from pathlib import Path

from challenge.v1 import event_service_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, timestamp_pb2
from google.protobuf.message import Message as ProtobufMessage
from google.protobuf.message_factory import GetMessageClass

from event_source.mapping.mapper import Mapper
from event_source.mapping.mapping_file import load_mapping
from event_source.message import Message
from shared.domain.instant import Instant

MATCHES = """\
payload: json
events:
  - when: {$.type: match_won}
    id: $.match
    user: $.player.id
    stat: matches_won
    delta: $.wins
    event_time: $.at
    attributes: {mode: ranked, map: $.map}
  - when: {$.type: [login, reconnect], $.bot: false}
    user: $.player.id
    login: true
    event_time: broker
  - when: {$.type: rating}
    user: $.player.id
    stat: $.ladder
    value: $.rating
    event_time: {path: $.at, format: unix_ms}
otherwise: ignore
"""


def mapping_of(folder: Path, text: str) -> Mapper:
    """Return the mapping in a text."""
    path = folder / "mapping.yaml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(path)


def message(payload: object, offset: int = 0, time: Instant | None = 1_700_000_000_000_000) -> Message:
    """Return a message whose payload is this document, or these bytes."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message(body, f"topic:0:{offset}", time, offset)


def event_of(mapper: Mapper, received: Message) -> event_service_pb2.Event | None:
    """Return the event of a message; None if the mapping ignores it."""
    request = event_service_pb2.ReportEventsRequest()
    return request.events[0] if mapper.add(received, request.events) else None


def descriptor_file(path: Path) -> type[ProtobufMessage]:
    """Write the descriptors of a game's message, and return its class."""
    timestamp = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(timestamp)
    game = descriptor_pb2.FileDescriptorProto(
        name="game.proto", package="game", syntax="proto3", dependency=[timestamp.name]
    )
    player = game.message_type.add(name="Player")
    _add(player, "id", 1, "TYPE_STRING")
    kind = game.enum_type.add(name="Mode")
    for number, name in enumerate(("MODE_UNSPECIFIED", "MODE_RANKED")):
        kind.value.add(name=name, number=number)
    ended = game.message_type.add(name="MatchEnded")
    _add(ended, "id", 1, "TYPE_FIXED64")
    _add(ended, "winner", 2, "TYPE_MESSAGE", ".game.Player")
    _add(ended, "mode", 3, "TYPE_ENUM", ".game.Mode")
    _add(ended, "at", 4, "TYPE_MESSAGE", ".google.protobuf.Timestamp")
    _add(ended, "kills", 5, "TYPE_UINT32")
    _add(ended, "players", 6, "TYPE_MESSAGE", ".game.Player", repeated=True)
    entry = ended.nested_type.add(name="FactsEntry")
    entry.options.map_entry = True
    _add(entry, "key", 1, "TYPE_STRING")
    _add(entry, "value", 2, "TYPE_STRING")
    _add(ended, "facts", 7, "TYPE_MESSAGE", ".game.MatchEnded.FactsEntry", repeated=True)
    _add(ended, "replay", 8, "TYPE_BYTES")
    files = descriptor_pb2.FileDescriptorSet(file=[timestamp, game])
    path.write_bytes(files.SerializeToString())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("game.MatchEnded"))


def _add(
    to: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str, of: str = "", *, repeated: bool = False
) -> None:
    proto = descriptor_pb2.FieldDescriptorProto
    label = proto.LABEL_REPEATED if repeated else proto.LABEL_OPTIONAL
    field = to.field.add(name=name, number=number, type=proto.Type.Value(kind), label=label)
    if of:
        field.type_name = of
