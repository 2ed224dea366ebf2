"""Parsing of the subset of YAML that a catalogue needs.

Plain scalars mean what they mean in JSON and are text otherwise: YAML 1.1 would read `no` and `on` as booleans, `010`
as 8 and `1:30` as 90, which would silently change an id or a target. Aliases are refused, which rules out documents
that grow when they are expanded; so are tags, and a second document in the file. Events are taken from the parser one
by one, so a refused document is not parsed to its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from shared.catalogue.bounds import KEYS_MAX, NESTING_MAX, NUMBER_DIGITS_MAX, VALUES_MAX
from shared.catalogue.document import Document, Fault, Location, Unparsable, too_deep, too_many_keys, too_many_values

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml parses 30 times faster; PyYAML built without it gives the same result slowly."""

_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")


def parse_yaml(text: str, values_max: int = VALUES_MAX) -> Document:
    """Return the document in `text`; raise `Unparsable`."""
    try:
        return _Parsing(text, values_max).document()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else None
        raise Unparsable(f"not YAML: {error.problem}", line) from None
    except yaml.YAMLError as error:
        raise Unparsable(f"not YAML: {str(error).splitlines()[0]}") from None


class _Parsing:
    """One pass over the events of one text."""

    def __init__(self, text: str, values_max: int) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._values_max = values_max
        self._values = 0
        self._lines: dict[Location, int | None] = {}
        self._faults: list[Fault] = []

    def document(self) -> Document:
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return Document(None)
        value = self._value(next(self._events), ())
        next(self._events)  # the end of the document
        if not isinstance(following := next(self._events), yaml.StreamEndEvent):
            raise Unparsable("a file must contain one document, this one starts another", _line(following))
        return Document(value, self._lines, tuple(self._faults), self._values)

    def _value(self, event: yaml.Event, location: Location) -> object:
        self._values += 1
        if self._values > self._values_max:
            raise too_many_values(_line(event))
        self._lines.setdefault(location, _line(event))
        if isinstance(event, yaml.AliasEvent):
            raise Unparsable("aliases (*) are not supported: repeat the value", _line(event))
        if getattr(event, "tag", None) is not None:
            raise Unparsable("tags (!) are not supported", _line(event))
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if len(location) >= NESTING_MAX:
            raise too_deep(_line(event))
        return self._list(location) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(location)

    def _list(self, location: Location) -> list[object]:
        values: list[object] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            values.append(self._value(event, (*location, len(values))))
        return values

    def _mapping(self, location: Location) -> dict[str, object]:
        values: dict[str, object] = {}
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent) or key.tag is not None:
                raise Unparsable("a key must be plain text", _line(key))
            if len(values) >= KEYS_MAX:
                raise too_many_keys(_line(key))
            name: str = key.value
            if name in values:
                self._faults.append(Fault((*location, name), "is given twice", _line(key)))
            self._lines.setdefault((*location, name), _line(key))
            value = self._value(next(self._events), (*location, name))
            values.setdefault(name, value)
        return values


def _scalar(event: yaml.ScalarEvent) -> object:
    text: str = event.value
    plain = event.implicit[0]
    if not plain:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > NUMBER_DIGITS_MAX:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _line(event: yaml.Event) -> int | None:
    return event.start_mark.line + 1 if event.start_mark is not None else None
