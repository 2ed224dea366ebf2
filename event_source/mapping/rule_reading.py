"""Reading of the rules in a mapping file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from google.protobuf.descriptor import Descriptor

from event_source.mapping import values
from event_source.mapping.mapper import Condition, Field, Rule
from event_source.mapping.paths import TIMESTAMP, PathInvalid, Read, in_json, in_message, is_path, path_of
from event_source.message import Unmappable
from shared.catalogue.document import Place
from shared.catalogue.problem import Problem
from shared.domain.acceptance import ATTRIBUTES_MAX
from shared.domain.instant import SECOND, Instant

RULE_KEYS = ("when", "id", "user", "login", "stat", "delta", "value", "event_time", "attributes")
TIME_KEYS = ("path", "format")
BROKER = "broker"
VALUES_MAX = 100
"""Values in a condition."""

Convert = Callable[[Any], Any]


class Problems:
    """The problems of a file, and the checks that add to them."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, place: Place, message: str) -> None:
        """Add a problem at a place of the file."""
        self.found.append(place.problem(message))

    def in_order(self) -> list[Problem]:
        """Return the problems in the order of the file's lines."""
        return sorted(self.found, key=lambda problem: problem.line or 0)

    def mapping(self, place: Place, value: object, keys: Sequence[str]) -> Mapping[str, object] | None:
        """Return a mapping; None, with a problem, if it is none. Other keys than these are problems, too."""
        if not isinstance(value, dict):
            self.add(place, f"must be a mapping with the keys {', '.join(keys)}")
            return None
        for key in value:
            if key not in keys:
                self.add(place.at(key), f"is unknown, must be one of {', '.join(keys)}")
        return cast(dict[str, object], value)

    def choice(self, place: Place, value: object, choices: Sequence[str]) -> str | None:
        """Return one of the choices; None, with a problem, if the value is none of them."""
        if isinstance(value, str) and value in choices:
            return value
        self.add(place, f"must be one of {', '.join(choices)}")
        return None


class RuleReading:
    """Reads rules for payloads of one type."""

    def __init__(self, problems: Problems, descriptor: Descriptor | None) -> None:
        """`descriptor` is that of protobuf payloads; None: they are JSON."""
        self._problems = problems
        self._descriptor = descriptor

    def rule(self, place: Place, value: object) -> Rule | None:
        """Return a rule; None, with problems, if it cannot be used."""
        content = self._problems.mapping(place, value, RULE_KEYS)
        if content is None:
            return None
        before = len(self._problems.found)
        user = self._field(place, content, "user", required=True)
        stat = self._kind(place, content)
        rule = Rule(
            when=self._conditions(place.at("when"), content.get("when")),
            id=self._field(place, content, "id"),
            user=user or Field("user"),
            time=self._time(place.at("event_time"), content.get("event_time")),
            stat=stat,
            delta=self._field(place, content, "delta", values.integer),
            value=self._field(place, content, "value", values.integer),
            attributes=self._attributes(place.at("attributes"), content.get("attributes")),
        )
        if rule.id is not None and rule.id.read is None:
            self._problems.add(place.at("id"), "must be a path: all messages would be one event")
        return rule if len(self._problems.found) == before else None

    def _kind(self, place: Place, content: Mapping[str, object]) -> Field | None:
        """Return the stat; None for a login."""
        amounts = [key for key in ("delta", "value") if key in content]
        if "stat" in content:
            if "login" in content:
                self._problems.add(place.at("login"), "is given beside stat: an event is one of the two")
            if not amounts:
                self._problems.add(place, "has a stat, so delta or value is required")
            return self._field(place, content, "stat")
        if content.get("login") is not True:
            self._problems.add(place, "must have a stat, or login: true")
        for key in amounts:
            self._problems.add(place.at(key), "is for a stat")
        return None

    def _field(
        self,
        place: Place,
        content: Mapping[str, object],
        key: str,
        convert: Convert = values.text,
        *,
        required: bool = False,
    ) -> Field | None:
        value = content.get(key)
        if value is None:
            if required or key in content:
                self._problems.add(place.at(key), "is required: a path such as $.player.id, or a constant")
            return None
        return self._value(place.at(key), key, value, convert)

    def _value(self, place: Place, name: str, value: object, convert: Convert) -> Field | None:
        """Return a path or a constant."""
        if isinstance(value, str) and is_path(value):
            found = self._read(place, value)
            return None if found is None else Field(name, read=found[0], convert=convert)
        if isinstance(value, str) and value.startswith("$$"):
            value = value[1:]
        try:
            return Field(name, constant=convert(value))
        except Unmappable as error:
            self._problems.add(place, str(error))
            return None

    def _read(self, place: Place, text: str) -> tuple[Read, bool] | None:
        """Return the reader of a path, and whether it leads to a timestamp message; None if it cannot be used."""
        try:
            path = path_of(text)
            if self._descriptor is None:
                return in_json(path), False
            read, field = in_message(self._descriptor, path)
        except PathInvalid as error:
            self._problems.add(place, str(error))
            return None
        return read, field.message_type is not None and field.message_type.full_name == TIMESTAMP

    def _time(self, place: Place, value: object) -> Field | None:
        """Return the field of the event's time; None for the broker's."""
        if value == BROKER:
            return None
        path, form = value, "rfc3339"
        if isinstance(value, dict):
            self._problems.mapping(place, value, TIME_KEYS)
            path = value.get("path")
            form = self._problems.choice(place.at("format"), value.get("format"), tuple(values.TIME_FORMATS)) or form
        if not isinstance(path, str) or not is_path(path):
            self._problems.add(place, f"is required: {BROKER}, a path such as $.at, or a path and a format")
            return None
        found = self._read(place, path)
        if found is None:
            return None
        read, is_timestamp = found
        return Field("event_time", read=read, convert=_instant if is_timestamp else values.TIME_FORMATS[form])

    def _conditions(self, place: Place, value: object) -> list[Condition]:
        if value is None:
            return []
        if not isinstance(value, dict):
            self._problems.add(place, "must be a mapping of paths to values, such as $.type: match_won")
            return []
        conditions = []
        for path, wanted in value.items():
            accepted = wanted if isinstance(wanted, list) else [wanted]
            if not 1 <= len(accepted) <= VALUES_MAX or not all(isinstance(each, str | int | bool) for each in accepted):
                self._problems.add(
                    place.at(path), f"must be a text, a number, a boolean, or a list of up to {VALUES_MAX}"
                )
            elif (found := self._read(place.at(path), path)) is not None:
                conditions.append(Condition(found[0], accepted))
        return conditions

    def _attributes(self, place: Place, value: object) -> list[Field]:
        if value is None:
            return []
        if not isinstance(value, dict) or len(value) > ATTRIBUTES_MAX:
            self._problems.add(place, f"must be a mapping of up to {ATTRIBUTES_MAX} names to paths or constants")
            return []
        fields = (self._value(place.at(name), name, each, values.attribute) for name, each in value.items())
        return [field for field in fields if field is not None]


def _instant(timestamp: Any) -> Instant:
    """Return the instant of a timestamp message, rounded down to microseconds."""
    return values.within_years(int(timestamp.seconds) * SECOND + int(timestamp.nanos) // 1_000)
