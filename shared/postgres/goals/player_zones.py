"""The time zones that players have named, in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from zlib import crc32

from shared.domain.instant import Instant
from shared.domain.player_zones import NO_ZONES, SINCE_EVER, NamedZone, Zones
from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, statement, text_array

_HOLD_OFF = statement("hold_off_first_zones")
_AWAIT = statement("await_first_events")
_READ_ZONES = statement("read_zones")
_LOCK_ZONES = statement("lock_zones")
_STORE_ZONES = statement("store_zones")
FIRST_ZONE_LOCKS = 256
"""Number of locks that all players share, so that a batch cannot fill the server's lock table."""
DEFAULT_TIME_ZONE = "UTC"
"""Stored for players who have named no zone."""


def zones_of(time_zone: str | None, times: Sequence[Instant] | None, names: Sequence[str] | None) -> Zones:
    """Return the zones that a player has named, from columns that are None for a player who was never initialized."""
    if times and names:
        return tuple(map(NamedZone, times, names))
    # Stored before zones had their instants. `UTC` was then also stored for players who had named none.
    return NO_ZONES if time_zone in (None, DEFAULT_TIME_ZONE) else (NamedZone(SINCE_EVER, time_zone),)


def read_zones(connection: Connection, user_ids: Collection[str]) -> dict[str, Zones]:
    """Return the zones that players have named, without players who have named none."""
    return _named(_zones_of_stored(connection, user_ids))


def read_zones_to_count_by(connection: Connection, user_ids: Collection[str]) -> dict[str, Zones]:
    """Return the same as `read_zones`. Until the transaction ends, players not yet stored cannot be stored with a zone.

    The zone that a player is stored with applies to the past, too, if nothing was counted by the days of the default
    zone. So events must not be counted by that zone while the player is stored with another. Only players who are not
    stored cost a second round trip.
    """
    zones = _zones_of_stored(connection, user_ids)
    unknown = [user_id for user_id in user_ids if user_id not in zones]
    if unknown:
        _HOLD_OFF.defer(connection, int_array(sorted({_first_zone_key(user_id) for user_id in unknown})))
        zones |= _zones_of_stored(connection, unknown)
    return _named(zones)


def await_first_events(connection: Connection, user_id: str) -> None:
    """Wait, before a player is stored with a zone, for transactions that count events of the player without it."""
    _AWAIT.defer(connection, _first_zone_key(user_id))


def _zones_of_stored(connection: Connection, user_ids: Collection[str]) -> dict[str, Zones]:
    rows = _READ_ZONES.rows(connection, text_array(sorted(user_ids)))
    return {user_id: zones_of(*columns) for user_id, *columns in rows}


def _named(zones: Mapping[str, Zones]) -> dict[str, Zones]:
    return {user_id: some for user_id, some in zones.items() if some}


def _first_zone_key(user_id: str) -> int:
    return crc32(user_id.encode()) % FIRST_ZONE_LOCKS


def lock_zones(connection: Connection, user_id: str) -> Zones:
    """Lock a stored player, and return the zones that the player has named."""
    return zones_of(*_LOCK_ZONES.only_row(connection, user_id))


def store_zones(connection: Connection, user_id: str, zones: Zones) -> None:
    """Store the zones that a player has named."""
    _STORE_ZONES.rows(connection, user_id, last_zone(zones), *zone_columns(zones))


def zone_columns(zones: Zones) -> tuple[str, str]:
    """Return the instants and the names of the zones as Postgres array literals."""
    return int_array([named.instant for named in zones]), text_array([named.zone for named in zones])


def last_zone(zones: Zones) -> str:
    """Return the zone named last; `DEFAULT_TIME_ZONE` if there is none."""
    return zones[-1].zone if zones else DEFAULT_TIME_ZONE
