"""Attributes of players, which rewards can require."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.errors import AttributeUnknown
from shared.domain.instant import Instant
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import player_attributes


class AttributeSet(NamedTuple):
    """The outcome of setting an attribute."""

    changed: bool
    attributes: list[str]
    """Those that the player has, of those that rewards of the catalogue require, sorted."""


def set_attribute(
    database: Database,
    catalogue: Catalogue,
    user_id: str,
    attribute: str,
    now: Instant,
    deadline: float,
    *,
    present: bool,
) -> AttributeSet:
    """Give a player an attribute, or take it away.

    Only attributes that some reward requires can be set, so a player has few. Raise `AttributeUnknown` for others, and
    `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`, after which the same call may be sent again.
    """
    if attribute not in catalogue.player_attributes:
        raise AttributeUnknown("no reward requires the attribute", attribute=attribute)

    def change(connection: Connection) -> AttributeSet:
        if present:
            changed = player_attributes.give(connection, user_id, attribute, now)
        else:
            changed = player_attributes.take(connection, user_id, attribute)
        return AttributeSet(changed, player_attributes.read(connection, user_id, catalogue.player_attributes))

    return database.transact(change, deadline)
