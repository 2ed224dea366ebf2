"""Attributes of players in the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.domain.instant import Instant
from shared.postgres.connection import Connection
from shared.postgres.statements import statement, text_array

_GIVE = statement("give_attribute")
_TAKE = statement("take_attribute")
_READ = statement("read_attributes")


def give(connection: Connection, user_id: str, attribute: str, now: Instant) -> bool:
    """Give a player an attribute; return False if the player has it."""
    return _GIVE.row(connection, user_id, attribute, now) is not None


def take(connection: Connection, user_id: str, attribute: str) -> bool:
    """Take an attribute from a player; return False if the player does not have it."""
    return _TAKE.row(connection, user_id, attribute) is not None


def read(connection: Connection, user_id: str, attributes: Sequence[str]) -> list[str]:
    """Return those of these attributes that a player has, sorted."""
    return [attribute for (attribute,) in _READ.rows(connection, user_id, text_array(attributes))]


def read_later(connection: Connection, user_id: str, attributes: Sequence[str]) -> Callable[[], Sequence[str]]:
    """Read what `read` returns by the next statement, which the caller executes; nothing if no attribute is asked for.

    Return a function that returns it after that.
    """
    if not attributes:
        return list
    execution = _READ.precede(connection, user_id, text_array(attributes))
    return lambda: [attribute for (attribute,) in execution.rows]
