"""JSON parsing that reports repeated keys."""

from __future__ import annotations

import json
import re

from shared.catalogue.bounds import KEYS_MAX, NESTING_MAX, VALUES_MAX
from shared.catalogue.document import Document, Fault, Location, Unparsable, too_deep, too_many_keys, too_many_values

_STRUCTURE = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)
"""Strings, which are skipped, and the characters between values. Possessive, so that long strings take no memory."""


class _Object(list[tuple[str, object]]):
    """A JSON object as written: a dict would silently keep one of two equal keys."""


def parse_json(text: str, values_max: int = VALUES_MAX) -> Document:
    """Return the document in `text`; raise `Unparsable`."""
    values = _count_values(text, values_max)
    try:
        written = json.loads(text, object_pairs_hook=_Object)
    except json.JSONDecodeError as error:
        raise Unparsable(f"not JSON: {error.msg}", error.lineno) from None
    except ValueError:  # int() refuses to read more than some thousand digits
        raise Unparsable("not JSON that can be read: a number has too many digits") from None
    faults: list[Fault] = []
    return Document(_value(written, (), faults), faults=tuple(faults), values=values)


def _count_values(text: str, values_max: int) -> int:
    """Return the number of values at most, before the parser allocates them; raise `Unparsable` beyond the bounds."""
    values = 1
    depth = 0
    for match in _STRUCTURE.finditer(text):
        character = match[0]
        if character in "]}":
            depth -= 1
        elif character in "[{":
            depth += 1
            values += 1
        elif character == ",":
            values += 1
        if values > values_max:
            raise too_many_values(text.count("\n", 0, match.start()) + 1)
        if depth > NESTING_MAX:
            raise too_deep()
    return values


def _value(written: object, location: Location, faults: list[Fault]) -> object:
    if not isinstance(written, list):
        return written
    if not isinstance(written, _Object):
        return [_value(value, (*location, index), faults) for index, value in enumerate(written)]
    if len(written) > KEYS_MAX:
        raise too_many_keys()
    values: dict[str, object] = {}
    for name, value in written:
        if name in values:
            faults.append(Fault((*location, name), "is given twice"))
        values.setdefault(name, _value(value, (*location, name), faults))
    return values
