"""Rotations as messages."""

from __future__ import annotations

from challenge.v1 import challenge_pb2
from challenge.v1 import challenge_service_pb2 as rpc

from shared.domain.catalogue import Catalogue
from shared.domain.instant import Instant, Period
from shared.domain.player_zones import Zones
from shared.domain.rotation import rotation_at
from shared.domain.schedules import Schedule
from shared.rpc.instants import period_message, season_id, timestamp_message


def rotation_response(catalogue: Catalogue, now: Instant, zones: Zones) -> rpc.GetRotationResponse:
    """Return the rotation of all schedules and seasons of a catalogue, for a player who has named these zones."""
    # The runs of a season are the periods of a schedule that has nothing but the season.
    seasons = [Schedule(season=season) for season in catalogue.seasons]
    return rpc.GetRotationResponse(
        schedules=[_rotation(schedule.of_player(zones), now) for schedule in catalogue.schedules],
        seasons=[_rotation(season, now) for season in seasons],
        catalogue_version=catalogue.version,
        current_time=timestamp_message(now),
    )


def _rotation(schedule: Schedule, now: Instant) -> rpc.Rotation:
    rotation = rotation_at(schedule, now)
    return rpc.Rotation(
        schedule_id=schedule.id,
        season_id=season_id(schedule),
        current=_period(schedule, rotation.current),
        next=_period(schedule, rotation.next),
        open=rotation.is_open,
        change_time=None if rotation.change is None else timestamp_message(rotation.change),
    )


def _period(schedule: Schedule, period: Period | None) -> challenge_pb2.Period | None:
    if period is None:
        return None
    message = period_message(schedule, period)
    if not schedule.id:
        message.ClearField("schedule_id")
        message.ClearField("claim_end_time")
    return message
