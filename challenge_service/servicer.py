"""ChallengeService: validates requests, runs the operations, and encodes the responses."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import grpc
from challenge.v1 import challenge_pb2
from challenge.v1 import challenge_service_pb2 as rpc

from challenge_service import responses
from challenge_service.claim_servicer import WAITS_MAX, check_goal_ids
from challenge_service.definitions import challenge_of, goal_of, requested_challenges
from challenge_service.kept_lists import KeptLists
from challenge_service.paging import page_position, page_token
from challenge_service.selection_servicer import SelectionServicer, challenge_shown
from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import CurrentPeriods, shown_periods
from shared.domain.grants import NO_ROUTES, Granting, Routes
from shared.domain.instant import Instant, Microseconds, Period
from shared.domain.player_zones import NO_ZONES, ZONE_CHANGE_INTERVAL, Zones
from shared.domain.rotation import rotation_at
from shared.domain.schedules import Schedule
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.initialize import initialize_player
from shared.operations.goals.keep_completions import keep_completions
from shared.operations.goals.set_attribute import set_attribute
from shared.operations.goals.view_player import can_be_known, player_zones, view_player, view_player_unless
from shared.postgres.database import Database
from shared.rpc.caller_quotas import note_new_player
from shared.rpc.deadlines import deadline_of
from shared.rpc.encoded_catalogue import EncodedCatalogue
from shared.rpc.instants import period_message, season_id, timestamp_message
from shared.rpc.validation import CHALLENGE_IDS_MAX, PAGE_SIZE_MAX, Violations
from shared.runtime.clock import Clock


class ChallengeServicer(SelectionServicer):
    """The servicer. It returns goals as encoded bytes, which `shared.rpc.server` sends unchanged.

    Each method reads the current catalogue once and uses that version throughout.
    """

    def __init__(
        self,
        database: Database,
        catalogue: LiveCatalogue[EncodedCatalogue],
        clock: Clock,
        *,
        queue_clock: Clock | None = None,
        routes: Routes = NO_ROUTES,
        waits_max: int = WAITS_MAX,
        time_zone_interval: Microseconds = ZONE_CHANGE_INTERVAL,
        kept_lists_bytes: int = 0,
    ) -> None:
        """`time_zone_interval` is the shortest time between changes of a player's time zone.

        `kept_lists_bytes` bounds the lists that are kept; the rest is for claims.
        """
        super().__init__(
            database,
            catalogue,
            clock,
            queue_clock=queue_clock,
            routes=routes,
            waits_max=waits_max,
        )
        self._time_zone_interval = time_zone_interval
        self._kept_lists = KeptLists(kept_lists_bytes)

    def InitializePlayer(self, request: rpc.InitializePlayerRequest, context: grpc.ServicerContext) -> bytes:
        """Create the player unless it exists, and return the active goals."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        violations.check_time_zone("time_zone", request.time_zone)
        violations.check_optional_id("catalogue_version", request.catalogue_version)
        violations.raise_if_any()
        encoded = self._catalogue.current
        user_id, now, deadline = request.user_id, self._clock(), deadline_of(context)
        shown = shown_periods(encoded.catalogue, now)
        time_zone, interval = request.time_zone or None, self._time_zone_interval
        initialized = initialize_player(self._database, user_id, time_zone, now, deadline, shown, interval)
        if initialized.created:
            note_new_player()
        granting = Granting(self._queue_clock(), self._routes)
        view = keep_completions(
            self._database, encoded.catalogue, user_id, initialized.view, shown, now, deadline, granting
        )
        version = encoded.catalogue.version
        periods = encoded.periods.field(rpc.InitializePlayerResponse, view.periods)
        goals = None
        if not request.omit_goals:
            light = request.catalogue_version == version
            goals = encoded.without(shown.hidden).initialized_goals(view, light=light)
        defaults = encoded.catalogue.default_goals if initialized.created else ()
        assigned = sum(goal.id not in shown.hidden and not goal.hidden for goal in defaults)
        return responses.initialize_response(goals, initialized, assigned, version, periods, view.attributes)

    def ListChallenges(self, request: rpc.ListChallengesRequest, context: grpc.ServicerContext) -> bytes:
        """List challenges with their goals as the player sees them."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        challenge_ids: list[str] = []
        if request.challenge_ids:
            violations.check_ids("challenge_ids", request.challenge_ids[:CHALLENGE_IDS_MAX])
            violations.check_range("challenge_ids", len(request.challenge_ids), 0, CHALLENGE_IDS_MAX)
            challenge_ids = sorted(set(request.challenge_ids))
        violations.check_range("page_size", request.page_size, 0, PAGE_SIZE_MAX)
        violations.check_optional_id("catalogue_version", request.catalogue_version)
        violations.raise_if_any()
        encoded = self._catalogue.current
        version = encoded.catalogue.version
        binding = (
            request.user_id,
            request.active_only,
            request.upcoming,
            challenge_ids,
            request.catalogue_version,
            version,
        )
        start = page_position(request.page_token, *binding)
        shown = shown_periods(encoded.catalogue, self._clock())
        light = request.catalogue_version == version
        lookup = self._kept_lists.lookup((encoded, shown), _kept_by(request, shown, light, challenge_ids))
        view = view_player_unless(self._database, request.user_id, deadline_of(context), shown, lookup.is_known)
        if view is None:
            return lookup.response

        requested = requested_challenges(encoded.catalogue, challenge_ids)
        goals = encoded.without(shown.hidden - shown.upcoming if request.upcoming else shown.hidden)
        challenges = goals.challenges(requested[start:], view, request.active_only, light=light)
        page, following = responses.page_of(challenges, request.page_size)
        next_page_token = ""
        if following is not None:
            next_page_token = page_token(requested.index(following), *binding)
        periods = encoded.periods.field(rpc.ListChallengesResponse, view.periods)
        response = responses.list_response(page, next_page_token, version, periods)
        if following is None:
            lookup.keep(response)
        return response

    def GetChallenge(self, request: rpc.GetChallengeRequest, context: grpc.ServicerContext) -> bytes:
        """Return one challenge with all its goals."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        violations.check_id("challenge_id", request.challenge_id)
        violations.raise_if_any()
        encoded = self._catalogue.current
        challenge = challenge_of(encoded.catalogue, request.challenge_id)
        now = self._clock()
        view = view_player(self._database, request.user_id, deadline_of(context), shown_periods(encoded.catalogue, now))
        return challenge_shown(encoded, challenge, view, now)

    def SetGoalActive(self, request: rpc.SetGoalActiveRequest, context: grpc.ServicerContext) -> bytes:
        """Activate or deactivate a goal for the player."""
        violations = check_goal_ids(request)
        violations.raise_if_any()
        encoded = self._catalogue.current
        goal = goal_of(encoded.catalogue, request.challenge_id, request.goal_id)
        now, deadline = self._clock(), deadline_of(context)
        granting = Granting(self._queue_clock(), self._routes)
        view = set_goal_active(
            self._database, encoded.catalogue, request.user_id, goal, request.active, now, deadline, granting
        )
        return encoded.set_goal(goal, view)

    def SetPlayerAttribute(
        self, request: rpc.SetPlayerAttributeRequest, context: grpc.ServicerContext
    ) -> rpc.SetPlayerAttributeResponse:
        """Give the player an attribute that rewards require, or take it away."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        violations.check_id("attribute", request.attribute)
        violations.raise_if_any()
        outcome = set_attribute(
            self._database,
            self._catalogue.current.catalogue,
            request.user_id,
            request.attribute,
            self._clock(),
            deadline_of(context),
            present=request.present,
        )
        return rpc.SetPlayerAttributeResponse(changed=outcome.changed, attributes=outcome.attributes)

    def GetRotation(self, request: rpc.GetRotationRequest, context: grpc.ServicerContext) -> rpc.GetRotationResponse:
        """Return the current and the next period of each schedule and season."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        violations.raise_if_any()
        catalogue, zones = self._catalogue.current.catalogue, NO_ZONES
        if any(schedule.by_player for schedule in catalogue.schedules):
            zones = player_zones(self._database, request.user_id, deadline_of(context))
        return rotation_response(catalogue, self._clock(), zones)


def _kept_by(
    request: rpc.ListChallengesRequest, shown: CurrentPeriods, light: bool, challenge_ids: Sequence[str]
) -> Hashable:
    """Return what decides a list in addition to the player's stored values; None for a list that is not kept."""
    if request.page_size or request.page_token or not can_be_known(shown):
        return None
    # Pools draw other goals for another player with the same values.
    drawn_for = "" if shown.pools is None else request.user_id
    return request.active_only, request.upcoming, light, tuple(challenge_ids), drawn_for


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
