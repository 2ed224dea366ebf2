"""ChallengeService: checks requests, runs the operations, and encodes what the player sees."""

from __future__ import annotations

from itertools import islice

import grpc
from challenge.v1 import challenge_service_pb2 as rpc

from challenge_service import responses
from challenge_service.paging import page_position, page_token
from shared.domain.catalogue import Catalogue, Challenge, Goal
from shared.domain.errors import ChallengeNotFound, GoalNotFound, OccurrenceNotFound
from shared.operations.activate import set_goal_active
from shared.operations.claim import claim_reward
from shared.operations.initialize import initialize_player
from shared.operations.live_catalogue import LiveCatalogue
from shared.operations.view import view_player
from shared.postgres.database import Database
from shared.rpc.deadlines import deadline_of
from shared.rpc.encoded_catalogue import EncodedCatalogue
from shared.rpc.validation import CHALLENGE_IDS_MAX, PAGE_SIZE_MAX, Violations
from shared.runtime.clock import Clock


class ChallengeServicer:
    """Answers goals as encoded bytes, which `shared.rpc.server` sends as they are.

    Each method looks once which catalogue is current, and judges by that one to its end.
    """

    def __init__(self, database: Database, catalogue: LiveCatalogue[EncodedCatalogue], clock: Clock) -> None:
        self._database = database
        self._catalogue = catalogue
        self._clock = clock

    def InitializePlayer(self, request: rpc.InitializePlayerRequest, context: grpc.ServicerContext) -> bytes:
        """Make sure that the player exists, and answer the active goals."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        violations.check_time_zone("time_zone", request.time_zone)
        violations.raise_if_any()
        encoded = self._catalogue.current
        initialized = initialize_player(
            self._database, request.user_id, request.time_zone or None, self._clock(), deadline_of(context)
        )
        goals = encoded.active_goals(encoded.statuses(initialized.view))
        assigned = len(encoded.catalogue.default_goals) if initialized.created else 0
        return responses.initialized(goals, initialized.created, assigned)

    def ListChallenges(self, request: rpc.ListChallengesRequest, context: grpc.ServicerContext) -> bytes:
        """List challenges with all their goals as the player sees them."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        violations.check_ids("challenge_ids", request.challenge_ids[:CHALLENGE_IDS_MAX])
        violations.check_range("challenge_ids", len(request.challenge_ids), 0, CHALLENGE_IDS_MAX)
        violations.check_range("page_size", request.page_size, 0, PAGE_SIZE_MAX)
        violations.check_optional_id("catalogue_version", request.catalogue_version)
        violations.raise_if_any()
        encoded = self._catalogue.current
        asked = sorted(set(request.challenge_ids))
        version = encoded.catalogue.version
        binding = (request.user_id, request.active_only, asked, request.catalogue_version, version)
        start = page_position(request.page_token, *binding)
        view = view_player(self._database, request.user_id, deadline_of(context))

        asked_for = _asked_for(encoded.catalogue, asked)
        light = request.catalogue_version == version
        shown = encoded.challenges(asked_for[start:], encoded.statuses(view), request.active_only, light=light)
        page = list(islice(shown, request.page_size or None))
        following = next(shown, None)
        next_page_token = ""
        if following is not None:
            next_page_token = page_token(asked_for.index(following[0]), *binding)
        return responses.listed([message for _, message in page], next_page_token, version)

    def GetChallenge(self, request: rpc.GetChallengeRequest, context: grpc.ServicerContext) -> bytes:
        """Answer one challenge with all its goals."""
        violations = Violations()
        violations.check_id("user_id", request.user_id)
        violations.check_id("challenge_id", request.challenge_id)
        violations.raise_if_any()
        encoded = self._catalogue.current
        challenge = _challenge(encoded.catalogue, request.challenge_id)
        view = view_player(self._database, request.user_id, deadline_of(context))
        ((_, message),) = encoded.challenges([challenge], encoded.statuses(view), active_only=False)
        return responses.challenge(message)

    def SetGoalActive(self, request: rpc.SetGoalActiveRequest, context: grpc.ServicerContext) -> bytes:
        """Activate or deactivate a goal for the player."""
        violations = _check_goal_ids(request)
        violations.raise_if_any()
        encoded = self._catalogue.current
        goal = _goal(encoded.catalogue, request.challenge_id, request.goal_id)
        now, deadline = self._clock(), deadline_of(context)
        view = set_goal_active(self._database, encoded.catalogue, request.user_id, goal, request.active, now, deadline)
        return responses.goal(encoded.goal(goal, encoded.statuses(view)))

    def ClaimReward(self, request: rpc.ClaimRewardRequest, context: grpc.ServicerContext) -> rpc.ClaimRewardResponse:
        """Claim the reward of a completed goal."""
        violations = _check_goal_ids(request)
        violations.check_optional_id("request_id", request.request_id)
        if request.occurrence < 0:
            violations.add("occurrence", "is negative")
        violations.raise_if_any()
        encoded = self._catalogue.current
        goal = _goal(encoded.catalogue, request.challenge_id, request.goal_id)
        if request.HasField("period_start"):
            raise OccurrenceNotFound("the goal has no periods", goal_id=goal.id)
        if request.occurrence > 1:
            raise OccurrenceNotFound("the goal is not repeatable", goal_id=goal.id)
        now, deadline = self._clock(), deadline_of(context)
        claim = claim_reward(
            self._database, encoded.catalogue, request.user_id, goal, request.request_id or None, now, deadline
        )
        return responses.claimed(claim)


def _check_goal_ids(request: rpc.SetGoalActiveRequest | rpc.ClaimRewardRequest) -> Violations:
    violations = Violations()
    violations.check_id("user_id", request.user_id)
    violations.check_id("challenge_id", request.challenge_id)
    violations.check_id("goal_id", request.goal_id)
    return violations


def _asked_for(catalogue: Catalogue, challenge_ids: list[str]) -> tuple[Challenge, ...]:
    if not challenge_ids:
        return catalogue.challenges
    asked = frozenset(challenge_ids)
    return tuple(challenge for challenge in catalogue.challenges if challenge.id in asked)


def _challenge(catalogue: Catalogue, challenge_id: str) -> Challenge:
    challenge = catalogue.challenge_by_id.get(challenge_id)
    if challenge is None:
        raise ChallengeNotFound("there is no such challenge", challenge_id=challenge_id)
    return challenge


def _goal(catalogue: Catalogue, challenge_id: str, goal_id: str) -> Goal:
    challenge = _challenge(catalogue, challenge_id)
    goal = catalogue.goals.get(goal_id)
    if goal is None or goal.challenge_id != challenge.id:
        raise GoalNotFound("the challenge has no such goal", challenge_id=challenge_id, goal_id=goal_id)
    return goal
