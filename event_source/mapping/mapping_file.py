"""Loading of the mapping file. All its problems are reported together, each with its line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from challenge.v1 import event_service_pb2
from google.protobuf.descriptor import Descriptor

from event_source.mapping.mapper import EventMapper, Mapper, RuleMapper
from event_source.mapping.payloads import EVENT, DescriptorsInvalid, descriptor_of, parse_json, protobuf_parser
from event_source.mapping.rule_reading import Problems, RuleReading
from shared.catalogue.document import Document, Place
from shared.catalogue.problem import Problem
from shared.catalogue.reading import read

JSON, PROTOBUF = "json", "protobuf"
IGNORE, DEAD_LETTER = "ignore", "dead_letter"
KEYS = ("payload", "message", "descriptors", "events", "otherwise")
RULES_MAX = 1_000


class MappingInvalid(Exception):
    """The mapping file cannot be used; `problems` are all that was found in it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def load_mapping(path: Path) -> Mapper:
    """Return the mapper that a YAML or JSON file describes. Raise `MappingInvalid` with all its problems."""
    documents = [Problem("", "is a folder, must be a file", str(path))] if path.is_dir() else list(read(path))
    unreadable = [found for found in documents if isinstance(found, Problem)]
    if unreadable:
        raise MappingInvalid(unreadable)
    document = cast(Document, documents[0])
    problems = Problems()
    for fault in document.faults:
        problems.add(Place(document, fault.location), fault.message)
    mapper = _mapper(document, path.parent, problems)
    if problems.found or mapper is None:
        raise MappingInvalid(problems.in_order())
    return mapper


def _mapper(document: Document, folder: Path, problems: Problems) -> Mapper | None:
    place = Place(document)
    content = problems.mapping(place, document.value, KEYS)
    if content is None:
        return None
    payload = problems.choice(place.at("payload"), content.get("payload"), (JSON, PROTOBUF))
    ignores = problems.choice(place.at("otherwise"), content.get("otherwise", DEAD_LETTER), (DEAD_LETTER, IGNORE))
    descriptor = _descriptor(place, content, folder, payload, problems)
    if payload == PROTOBUF and content.get("message") == EVENT and "events" not in content:
        return EventMapper()
    rules = content.get("events")
    if not isinstance(rules, list) or not 1 <= len(rules) <= RULES_MAX:
        problems.add(place.at("events"), f"must be a list of 1 to {RULES_MAX:,} rules")
        return None
    # Without a type the rules are read all the same, for their other problems.
    reading = RuleReading(problems, descriptor)
    made = [reading.rule(place.at("events", number), rule) for number, rule in enumerate(rules)]
    parse = parse_json if descriptor is None else protobuf_parser(descriptor)
    return RuleMapper(parse, [rule for rule in made if rule is not None], ignores_others=ignores == IGNORE)


def _descriptor(
    place: Place, content: Mapping[str, object], folder: Path, payload: str | None, problems: Problems
) -> Descriptor | None:
    """Return the type of protobuf payloads; None for JSON, or if there is a problem."""
    message, file = content.get("message"), content.get("descriptors")
    if payload != PROTOBUF:
        for key in ("message", "descriptors"):
            if payload == JSON and key in content:
                problems.add(place.at(key), "is for payload: protobuf")
        return None
    if not isinstance(message, str) or not message:
        problems.add(place.at("message"), f"is required: the full name of the message, such as {EVENT}")
        return None
    if message == EVENT and file is None:
        return event_service_pb2.Event.DESCRIPTOR
    if not isinstance(file, str) or not file:
        problems.add(place.at("descriptors"), "is required: a file that protoc --descriptor_set_out has written")
        return None
    try:
        return descriptor_of(message, folder / file)
    except DescriptorsInvalid as error:
        problems.add(place.at("descriptors"), str(error).removeprefix(": "))
        return None
