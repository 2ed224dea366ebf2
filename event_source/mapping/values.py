"""Values of payloads as fields of events. Every function raises `Unmappable` for a value that it cannot use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from event_source.message import Unmappable
from shared.domain.instant import SECOND, Instant, to_instant

TEXT_LENGTH_MAX = 256
"""Characters of a text that is sent on. The event handler judges ids by its own, lower limits; this one keeps a batch
small enough to be sent at all."""
INTEGER_MAX = 2**63 - 1

_FLOAT_EXACT_MAX = 2**53
_INSTANT_MIN = -62_135_596_800 * SECOND
_INSTANT_MAX = 253_402_300_800 * SECOND
"""The years 1 to 9999, which are those of a timestamp in the contract."""
_SHOWN_MAX = 60


def text(value: object) -> str:
    """Return an id or a name. Integers are ids, too, in decimal digits."""
    if isinstance(value, str):
        found = value
    elif isinstance(value, int) and not isinstance(value, bool):
        found = str(integer(value))
    else:
        raise Unmappable(f"is {_shown(value)}, must be text or an integer")
    if len(found) > TEXT_LENGTH_MAX:
        raise Unmappable(f"has more than {TEXT_LENGTH_MAX} characters")
    if not found.isascii() and any("\ud800" <= character <= "\udfff" for character in found):
        raise Unmappable("has half of a surrogate pair")
    return found


def attribute(value: object) -> str:
    """Return the value of an attribute: as `text`, and booleans as true and false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return text(value)


def integer(value: object) -> int:
    """Return an integer. A number with a fraction of zero is one."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= _FLOAT_EXACT_MAX:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unmappable(f"is {_shown(value)}, must be an integer")
    if not -INTEGER_MAX <= value <= INTEGER_MAX:
        raise Unmappable("is beyond 64 bits")
    return value


def rfc_3339(value: object) -> Instant:
    """Return the instant in a text such as 2026-12-31T18:00:00.250Z, with a zone, rounded down to microseconds."""
    if not isinstance(value, str):
        raise Unmappable(f"is {_shown(value)}, must be a time such as 2026-12-31T18:00:00Z")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise Unmappable(f"is {_shown(value)}, must be a time such as 2026-12-31T18:00:00Z") from None
    if moment.tzinfo is None:
        raise Unmappable(f"is {_shown(value)}, which has no time zone")
    return within_years(to_instant(moment))


def within_years(instant: Instant) -> Instant:
    """Return an instant that a timestamp of the contract can have."""
    if not _INSTANT_MIN <= instant < _INSTANT_MAX:
        raise Unmappable("is not within the years 1 to 9999")
    return instant


def _since_1970(units_per_second: int) -> Callable[[object], Instant]:
    def instant(value: object) -> Instant:
        if isinstance(value, float) and not value.is_integer():
            if not -1e18 < value < 1e18:
                raise Unmappable("is no time")
            found = int(value * SECOND) // units_per_second
        else:
            found = integer(value) * SECOND // units_per_second
        return within_years(found)

    return instant


TIME_FORMATS: Mapping[str, Callable[[object], Instant]] = {
    "rfc3339": rfc_3339,
    "unix_s": _since_1970(1),
    "unix_ms": _since_1970(1_000),
    "unix_us": _since_1970(1_000_000),
    "unix_ns": _since_1970(1_000_000_000),
}
"""The forms in which a payload may have its time, by the name that the mapping file uses."""


def _shown(value: object) -> str:
    """Return a value for a message, cut to a line."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    found = ascii(value)
    return found if len(found) <= _SHOWN_MAX else f"{found[:_SHOWN_MAX]}…"
