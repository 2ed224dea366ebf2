"""ChallengeService: validates requests, runs the operations, and encodes the responses."""

from __future__ import annotations

import time
from uuid import UUID

import grpc
from challenge.v1 import challenge_service_pb2 as rpc

from challenge_service import responses
from challenge_service.claim_messages import STATES_OF_CLAIMS, claim_message, found_message, goal_claim_message
from challenge_service.definitions import challenge_of, goal_of, requested_challenges
from challenge_service.paging import cursor, cursor_token, page_position, page_token
from challenge_service.rotation_messages import rotation_response
from shared.domain.current_periods import shown_periods
from shared.domain.errors import OccurrenceNotFound
from shared.domain.grants import NO_ROUTES, Routes
from shared.domain.schedules import LIFETIME
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.initialize import initialize_player
from shared.operations.goals.view_player import view_player
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.rewards.find_claims import GrantWaits, find_claim, list_claims
from shared.postgres.database import Database
from shared.rpc.deadlines import deadline_of
from shared.rpc.encoded_catalogue import EncodedCatalogue
from shared.rpc.response_sizes import ClaimsRoom
from shared.rpc.validation import CHALLENGE_IDS_MAX, PAGE_SIZE_MAX, STATES_MAX, Violations
from shared.runtime.clock import Clock

CLAIMS_PAGE_SIZE = 100
"""Default number of claims in a page."""

WAITS_MAX = 16
"""Maximum number of calls that wait for a delivery: half of the default number of threads, the rest for other calls."""


class ChallengeServicer:
    """The servicer. It returns goals as encoded bytes, which `shared.rpc.server` sends unchanged.

    Each method reads the current catalogue once and uses that version throughout.
    """

    def __init__(
        self,
        database: Database,
        catalogue: LiveCatalogue[EncodedCatalogue],
        clock: Clock,
        *,
        routes: Routes = NO_ROUTES,
        waits_max: int = WAITS_MAX,
    ) -> None:
        """`routes` name the providers of rewards; at most `waits_max` calls wait for a delivery at a time."""
        self._database = database
        self._routes = routes
        self.waits = GrantWaits(database, waits_max)
        """The calls that wait for a delivery."""
        self._catalogue = catalogue
        self._clock = clock

    def InitializePlayer(self, request: rpc.InitializePlayerRequest, context: grpc.ServicerContext) -> bytes:
        """Create the player unless it exists, and return the active goals."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        violations.check_time_zone("time_zone", request.time_zone)
        violations.check_optional_id("catalogue_version", request.catalogue_version)
        violations.raise_if_any()
        encoded = self._catalogue.current
        now = self._clock()
        shown = shown_periods(encoded.catalogue, now)
        initialized = initialize_player(
            self._database,
            request.user_id,
            request.time_zone or None,
            now,
            deadline_of(context),
            shown,
        )
        version = encoded.catalogue.version
        periods = encoded.periods.field(rpc.InitializePlayerResponse, initialized.view.periods)
        goals = None
        if not request.omit_goals:
            light = request.catalogue_version == version
            goals = encoded.without(shown.hidden).initialized_goals(initialized.view, light=light)
        defaults = encoded.catalogue.default_goals if initialized.created else ()
        assigned = sum(goal.id not in shown.hidden for goal in defaults)
        return responses.initialize_response(goals, initialized.created, assigned, version, periods)

    def ListChallenges(self, request: rpc.ListChallengesRequest, context: grpc.ServicerContext) -> bytes:
        """List challenges with their goals as the player sees them."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        violations.check_ids("challenge_ids", request.challenge_ids[:CHALLENGE_IDS_MAX])
        violations.check_range("challenge_ids", len(request.challenge_ids), 0, CHALLENGE_IDS_MAX)
        violations.check_range("page_size", request.page_size, 0, PAGE_SIZE_MAX)
        violations.check_optional_id("catalogue_version", request.catalogue_version)
        violations.raise_if_any()
        encoded = self._catalogue.current
        challenge_ids = sorted(set(request.challenge_ids))
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
        view = view_player(self._database, request.user_id, deadline_of(context), shown)

        requested = requested_challenges(encoded.catalogue, challenge_ids)
        light = request.catalogue_version == version
        goals = encoded.without(shown.hidden - shown.upcoming if request.upcoming else shown.hidden)
        challenges = goals.challenges(requested[start:], view, request.active_only, light=light)
        page, following = responses.page_of(challenges, request.page_size)
        next_page_token = ""
        if following is not None:
            next_page_token = page_token(requested.index(following), *binding)
        periods = encoded.periods.field(rpc.ListChallengesResponse, view.periods)
        return responses.list_response(page, next_page_token, version, periods)

    def GetChallenge(self, request: rpc.GetChallengeRequest, context: grpc.ServicerContext) -> bytes:
        """Return one challenge with all its goals."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        violations.check_id("challenge_id", request.challenge_id)
        violations.raise_if_any()
        encoded = self._catalogue.current
        challenge = challenge_of(encoded.catalogue, request.challenge_id)
        shown = shown_periods(encoded.catalogue, self._clock())
        view = view_player(self._database, request.user_id, deadline_of(context), shown)
        message = encoded.without(shown.hidden).challenge(challenge, view)
        return responses.challenge_response(message, encoded.periods.field(rpc.GetChallengeResponse, view.periods))

    def SetGoalActive(self, request: rpc.SetGoalActiveRequest, context: grpc.ServicerContext) -> bytes:
        """Activate or deactivate a goal for the player."""
        violations = _check_goal_ids(request)
        violations.raise_if_any()
        encoded = self._catalogue.current
        goal = goal_of(encoded.catalogue, request.challenge_id, request.goal_id)
        now, deadline = self._clock(), deadline_of(context)
        view = set_goal_active(self._database, encoded.catalogue, request.user_id, goal, request.active, now, deadline)
        return encoded.set_goal(goal, view)

    def ClaimReward(self, request: rpc.ClaimRewardRequest, context: grpc.ServicerContext) -> rpc.ClaimRewardResponse:
        """Claim the reward of a completed goal."""
        violations = _check_goal_ids(request)
        violations.check_optional_id("request_id", request.request_id)
        wait_s = violations.check_wait("wait", request.wait)
        if request.occurrence < 0:
            violations.add("occurrence", "is negative")
        period_start = None
        if request.HasField("period_start"):
            period_start = violations.check_instant("period_start", request.period_start)
        violations.raise_if_any()
        encoded = self._catalogue.current
        goal = goal_of(encoded.catalogue, request.challenge_id, request.goal_id)
        if period_start is not None and goal.schedule == LIFETIME:
            raise OccurrenceNotFound("the goal has no periods", goal_id=goal.id)
        if request.occurrence > 1:
            raise OccurrenceNotFound("the goal is not repeatable", goal_id=goal.id)
        now, deadline = self._clock(), deadline_of(context)
        until = min(time.monotonic() + wait_s, deadline)
        claim = claim_reward(
            self._database,
            encoded.catalogue,
            request.user_id,
            goal,
            request.request_id or None,
            now,
            deadline,
            period_start=period_start,
            routes=self._routes,
        )
        return responses.claim_response(self.waits.settled(claim, until) if wait_s else claim)

    def ClaimAll(self, request: rpc.ClaimAllRequest, context: grpc.ServicerContext) -> rpc.ClaimAllResponse:
        """Claim all rewards that can be claimed."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        violations.check_optional_id("challenge_id", request.challenge_id)
        violations.raise_if_any()
        catalogue = self._catalogue.current.catalogue
        if request.challenge_id:
            goals = challenge_of(catalogue, request.challenge_id).goals
        else:
            goals = tuple(catalogue.goals.values())
        now, deadline = self._clock(), deadline_of(context)
        room = ClaimsRoom()
        results = claim_all(
            self._database,
            catalogue,
            request.user_id,
            goals,
            now,
            deadline,
            routes=self._routes,
            has_room=room.take,
        )
        return rpc.ClaimAllResponse(results=map(goal_claim_message, results), results_omitted=room.is_full)

    def GetClaim(self, request: rpc.GetClaimRequest, context: grpc.ServicerContext) -> rpc.GetClaimResponse:
        """Return a claim with its position in the queue."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        grant_id = violations.check_uuid("grant_id", request.grant_id)
        violations.raise_if_any()
        assert grant_id is not None  # noqa: S101 - otherwise there is a violation
        now, deadline = self._clock(), deadline_of(context)
        return found_message(find_claim(self._database, request.user_id, grant_id, now, deadline))

    def ListClaims(self, request: rpc.ListClaimsRequest, context: grpc.ServicerContext) -> rpc.ListClaimsResponse:
        """List a player's claims."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        violations.check_range("page_size", request.page_size, 0, PAGE_SIZE_MAX)
        violations.check_range("states", len(request.states), 0, STATES_MAX)
        for index, number in enumerate(request.states[:STATES_MAX]):
            if number not in STATES_OF_CLAIMS:
                violations.add(f"states[{index}]", "is not a claim state")
        violations.raise_if_any()
        states = sorted({STATES_OF_CLAIMS[number] for number in request.states})
        after = cursor(request.page_token, request.user_id, states)
        page_size = request.page_size or CLAIMS_PAGE_SIZE
        # One claim more than the page tells whether there is another page.
        found = list_claims(self._database, request.user_id, states, after, page_size + 1, deadline_of(context))
        token = ""
        if len(found) > page_size:
            token = cursor_token(UUID(found[page_size - 1].grant_id), request.user_id, states)
        return rpc.ListClaimsResponse(claims=map(claim_message, found[:page_size]), next_page_token=token)

    def GetRotation(self, request: rpc.GetRotationRequest, _: grpc.ServicerContext) -> rpc.GetRotationResponse:
        """Return the current and the next period of each schedule and season."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        violations.raise_if_any()
        return rotation_response(self._catalogue.current.catalogue, self._clock())


def _check_goal_ids(request: rpc.SetGoalActiveRequest | rpc.ClaimRewardRequest) -> Violations:
    violations = Violations()
    violations.check_id("user_id", request.user_id)
    violations.check_id("challenge_id", request.challenge_id)
    violations.check_id("goal_id", request.goal_id)
    return violations
