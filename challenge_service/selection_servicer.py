"""The methods of ChallengeService about selections."""

from __future__ import annotations

import grpc
from challenge.v1 import challenge_service_pb2 as rpc

from challenge_service import responses
from challenge_service.claim_servicer import ClaimServicer
from challenge_service.definitions import challenge_of, goal_of
from shared.domain.catalogue import Challenge
from shared.domain.current_periods import shown_periods
from shared.domain.grants import Granting
from shared.domain.instant import Instant
from shared.domain.progress import PlayerView
from shared.domain.random_selection import LeftOut, Wish
from shared.operations.goals.reroll import reroll_goal
from shared.operations.goals.select_goals import select_goals
from shared.operations.goals.select_random_goals import RandomlySelected, select_random_goals
from shared.rpc.deadlines import deadline_of
from shared.rpc.encoded_catalogue import EncodedCatalogue
from shared.rpc.validation import SELECTED_MAX, Violations


class SelectionServicer(ClaimServicer):
    """The methods about selections."""

    def SelectGoals(self, request: rpc.SelectGoalsRequest, context: grpc.ServicerContext) -> bytes:
        """Activate goals of a challenge, and with `replace` deactivate the others that the player has selected."""
        violations = _check_ids(request)
        violations.check_ids("goal_ids", request.goal_ids[:SELECTED_MAX])
        violations.check_range("goal_ids", len(request.goal_ids), 1, SELECTED_MAX)
        violations.raise_if_any()
        encoded = self._catalogue.current
        challenge = challenge_of(encoded.catalogue, request.challenge_id)
        now, deadline = self._clock(), deadline_of(context)
        selected, view = select_goals(
            self._database,
            encoded.catalogue,
            request.user_id,
            challenge,
            request.goal_ids,
            request.replace,
            request.request_id or None,
            now,
            deadline,
            Granting(self._queue_clock(), self._routes),
        )
        response = rpc.SelectGoalsResponse(
            activated_goal_ids=selected.activated, deactivated_goal_ids=selected.deactivated
        )
        return challenge_shown(encoded, challenge, view, now) + response.SerializeToString()

    def SelectRandomGoals(self, request: rpc.SelectRandomGoalsRequest, context: grpc.ServicerContext) -> bytes:
        """Activate goals of a challenge drawn at random, and say what they were drawn from."""
        violations = _check_ids(request)
        violations.check_range("count", request.count, 1, SELECTED_MAX)
        violations.check_optional_id("tag", request.tag)
        violations.raise_if_any()
        encoded = self._catalogue.current
        challenge = challenge_of(encoded.catalogue, request.challenge_id)
        now, deadline = self._clock(), deadline_of(context)
        selected, view = select_random_goals(
            self._database,
            encoded.catalogue,
            request.user_id,
            challenge,
            Wish(request.count, request.exclude_active, request.tag),
            request.replace,
            request.request_id or None,
            now,
            deadline,
            Granting(self._queue_clock(), self._routes),
        )
        return challenge_shown(encoded, challenge, view, now) + random_selection_message(selected).SerializeToString()

    def RerollGoal(self, request: rpc.RerollGoalRequest, context: grpc.ServicerContext) -> bytes:
        """Replace a goal that the player has in the current period of a pool."""
        violations = _check_ids(request)
        violations.check_id("goal_id", request.goal_id)
        violations.raise_if_any()
        encoded = self._catalogue.current
        goal = goal_of(encoded.catalogue, request.challenge_id, request.goal_id)
        challenge = encoded.catalogue.challenge_by_id[goal.challenge_id]
        now, deadline = self._clock(), deadline_of(context)
        rerolled, view = reroll_goal(
            self._database,
            encoded.catalogue,
            request.user_id,
            challenge,
            goal,
            request.request_id or None,
            now,
            deadline,
        )
        response = rpc.RerollGoalResponse(replacement_goal_id=rerolled.goal_id, rerolls_left=rerolled.rerolls_left)
        return challenge_shown(encoded, challenge, view, now) + response.SerializeToString()


def challenge_shown(encoded: EncodedCatalogue, challenge: Challenge, view: PlayerView, now: Instant) -> bytes:
    """Return the challenge and the periods as a `GetChallengeResponse`: other responses have them in the same fields.

    `view` is in the periods that are shown now.
    """
    message = encoded.without(shown_periods(encoded.catalogue, now).hidden).challenge(challenge, view)
    return responses.challenge_response(message, encoded.periods.field(rpc.GetChallengeResponse, view.periods))


def _check_ids(
    request: rpc.SelectGoalsRequest | rpc.SelectRandomGoalsRequest | rpc.RerollGoalRequest,
) -> Violations:
    """Return the problems of the ids of player, challenge and request."""
    violations = Violations()
    violations.check_id("user_id", request.user_id)
    violations.check_id("challenge_id", request.challenge_id)
    violations.check_optional_id("request_id", request.request_id)
    return violations


LEFT_OUT_REASONS = {reason: rpc.LeftOutReason.Value(f"LEFT_OUT_REASON_{reason}") for reason in LeftOut}


def random_selection_message(selected: RandomlySelected) -> rpc.SelectRandomGoalsResponse:
    """Return the response without the challenge and the periods."""
    return rpc.SelectRandomGoalsResponse(
        selected_goal_ids=selected.selected,
        activated_goal_ids=selected.activated,
        deactivated_goal_ids=selected.deactivated,
        pool_size=selected.pool_size,
        left_out=[
            rpc.LeftOutGoals(reason=LEFT_OUT_REASONS[reason], count=selected.left_out[reason])
            for reason in LeftOut
            if reason in selected.left_out
        ],
        free_places=selected.free_places,
        seed_id=selected.seed_id,
        empty_reason=rpc.LEFT_OUT_REASON_UNSPECIFIED
        if selected.empty_reason is None
        else LEFT_OUT_REASONS[selected.empty_reason],
    )
