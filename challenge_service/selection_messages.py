"""Selections as messages."""

from __future__ import annotations

from challenge.v1 import challenge_service_pb2 as rpc

from shared.domain.random_selection import LeftOut
from shared.operations.goals.select_random_goals import RandomlySelected

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
