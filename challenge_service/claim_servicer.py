"""The methods of ChallengeService about claims."""

from __future__ import annotations

import time
from uuid import UUID

import grpc
from challenge.v1 import challenge_service_pb2 as rpc

from challenge_service import responses
from challenge_service.claim_messages import (
    STATES_OF_CLAIMS,
    claim_message,
    found_message,
    goal_claim_message,
)
from challenge_service.definitions import challenge_of, goal_of
from challenge_service.paging import claimable_place, claimable_token, cursor, cursor_token
from shared.domain.errors import OccurrenceNotFound
from shared.domain.grants import NO_ROUTES, Routes
from shared.domain.schedules import LIFETIME
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.rewards.find_claims import GrantWaits, find_claim, list_claims
from shared.operations.rewards.list_claimable import key_of, list_claimable
from shared.postgres.database import Database
from shared.rpc.deadlines import deadline_of
from shared.rpc.encoded_catalogue import EncodedCatalogue
from shared.rpc.response_sizes import ClaimsRoom
from shared.rpc.validation import PAGE_SIZE_MAX, STATES_MAX, Violations
from shared.runtime.clock import Clock

CLAIMS_PAGE_SIZE = 100
"""Default number of claims, or of rewards that can be claimed, in a page."""

WAITS_MAX = 16
"""Maximum number of calls that wait for a delivery: half of the default number of threads, the rest for other calls."""


class ClaimServicer:
    """The methods about claims, and what all methods work with.

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
    ) -> None:
        """Rules read `clock`; the delivery queue has the time of `queue_clock`, by default the same.

        `routes` name the providers of rewards; at most `waits_max` calls wait for a delivery at a time.
        """
        self._database = database
        self._routes = routes
        self.waits = GrantWaits(database, waits_max)
        """The calls that wait for a delivery."""
        self._catalogue = catalogue
        self._clock = clock
        self._queue_clock = queue_clock or clock

    def ClaimReward(self, request: rpc.ClaimRewardRequest, context: grpc.ServicerContext) -> rpc.ClaimRewardResponse:
        """Claim the reward of a completed goal."""
        violations = check_goal_ids(request)
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
        if request.occurrence > goal.steps:
            raise OccurrenceNotFound("the goal has no such occurrence or tier", goal_id=goal.id)
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
            claim_time=self._queue_clock(),
            period_start=period_start,
            occurrence=request.occurrence or None,
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
            claim_time=self._queue_clock(),
            routes=self._routes,
            has_room=room.take,
        )
        return rpc.ClaimAllResponse(results=map(goal_claim_message, results), results_omitted=room.is_full)

    def ListClaimable(
        self, request: rpc.ListClaimableRequest, context: grpc.ServicerContext
    ) -> rpc.ListClaimableResponse:
        """List the rewards that the player can claim now."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        violations.check_range("page_size", request.page_size, 0, PAGE_SIZE_MAX)
        violations.raise_if_any()
        catalogue = self._catalogue.current.catalogue
        after = claimable_place(request.page_token, request.user_id)
        page_size = request.page_size or CLAIMS_PAGE_SIZE
        now, deadline = self._clock(), deadline_of(context)
        # One reward more than the page tells whether there is another page.
        found = list_claimable(self._database, catalogue, request.user_id, after, page_size + 1, now, deadline)
        rewards = responses.claimable_page(found[:page_size])
        is_last = len(rewards) == len(found)
        token = "" if is_last else claimable_token(key_of(found[len(rewards) - 1]), request.user_id)
        return rpc.ListClaimableResponse(rewards=rewards, next_page_token=token)

    def GetClaim(self, request: rpc.GetClaimRequest, context: grpc.ServicerContext) -> rpc.GetClaimResponse:
        """Return a claim with its position in the queue."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        grant_id = violations.check_uuid("grant_id", request.grant_id)
        violations.raise_if_any()
        assert grant_id is not None  # noqa: S101 - otherwise there is a violation
        now, deadline = self._queue_clock(), deadline_of(context)
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
        deadline = deadline_of(context)
        # One claim more than the page tells whether there is another page.
        found = list_claims(self._database, request.user_id, states, after, page_size + 1, deadline)
        token = ""
        if len(found) > page_size:
            token = cursor_token(UUID(found[page_size - 1].grant_id), request.user_id, states)
        return rpc.ListClaimsResponse(claims=map(claim_message, found[:page_size]), next_page_token=token)


def check_goal_ids(request: rpc.SetGoalActiveRequest | rpc.ClaimRewardRequest) -> Violations:
    """Return the problems of the ids of player, challenge and goal."""
    violations = Violations()
    violations.check_id("user_id", request.user_id)
    violations.check_id("challenge_id", request.challenge_id)
    violations.check_id("goal_id", request.goal_id)
    return violations
