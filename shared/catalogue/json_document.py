"""JSON parsing that reports repeated keys."""

from __future__ import annotations

import json

from shared.catalogue.document import NESTING_MAX, Document, Fault, Location, Unparsable


class _Object(list[tuple[str, object]]):
    """A JSON object as written: a dict would silently keep one of two equal keys."""


def parse_json(text: str) -> Document:
    """Return the document in `text`; raise `Unparsable`."""
    try:
        written = json.loads(text, object_pairs_hook=_Object)
    except json.JSONDecodeError as error:
        raise Unparsable(f"not JSON: {error.msg}", error.lineno) from None
    except ValueError:  # int() refuses to read more than some thousand digits
        raise Unparsable("not JSON that can be read: a number has too many digits") from None
    except RecursionError:
        raise _too_deep() from None
    faults: list[Fault] = []
    return Document(_value(written, (), faults), faults=tuple(faults))


def _value(written: object, location: Location, faults: list[Fault]) -> object:
    if not isinstance(written, list):
        return written
    if len(location) >= NESTING_MAX:
        raise _too_deep()
    if not isinstance(written, _Object):
        return [_value(value, (*location, index), faults) for index, value in enumerate(written)]
    values: dict[str, object] = {}
    for name, value in written:
        if name in values:
            faults.append(Fault((*location, name), "is given twice"))
        values.setdefault(name, _value(value, (*location, name), faults))
    return values


def _too_deep() -> Unparsable:
    return Unparsable(f"nested more than {NESTING_MAX} levels deep")
