"""Spliced bytes equal plainly built messages."""

from __future__ import annotations

from itertools import cycle

import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import InitializePlayerResponse, SetGoalActiveResponse
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.completion_columns import Completion, CompletionColumns
from shared.domain.goal import Goal
from shared.domain.instant import SECOND, Instant
from shared.domain.progress import GoalState, GoalStatus, PlayerView, goal_status, tier_states
from shared.domain.schedules import LIFETIME
from shared.rpc.encoded_catalogue import EncodedCatalogue, ShownGoals
from shared.rpc.goal_encoding import (
    CLAIM_MODES,
    COUNTINGS,
    CREDITS,
    GOAL_STATES,
    REWARD_TYPES,
    SOURCES,
    reward_message,
)
from shared.rpc.wire import (
    Pieces,
    nested_pieces,
    nested_tag,
    number_field,
    number_tag,
    timestamp_field,
    timestamp_rests,
    timestamp_tag,
)
from tests.support.player_strategies import catalogues_with_players, views
from tests.support.strategies import texts

GOAL = challenge_pb2.Goal.DESCRIPTOR
GOALS = nested_tag(challenge_pb2.Challenge.DESCRIPTOR, "goals")

players = catalogues_with_players(wording=texts)
instants = st.integers(0, 253_402_300_799 * SECOND) | st.integers(0, 3 * SECOND)


def joined(message: Pieces) -> bytes:
    """Return the message in one piece."""
    return b"".join(message.pieces)


def time_message(instant: Instant | None) -> Timestamp | None:
    """Return an instant as a message."""
    if instant is None:
        return None
    return Timestamp(seconds=instant // SECOND, nanos=instant % SECOND * 1_000)


def goal_message(goal: Goal, view: PlayerView, status: GoalStatus) -> challenge_pb2.Goal:
    """Build a goal as a message."""
    _, claimed, withheld = status.rewards or (False, 0, 0)
    return challenge_pb2.Goal(
        goal_id=goal.id,
        challenge_id=goal.challenge_id,
        name=goal.name,
        description=goal.description,
        requirement=challenge_pb2.Requirement(
            source=SOURCES[goal.stat.source],
            stat_code=goal.stat.code,
            counting=COUNTINGS[goal.counting],
            target=goal.target,
            repeat=goal.repeat if goal.repeat > 1 else 0,
        ),
        reward=None
        if goal.tiers
        else challenge_pb2.Reward(
            type=REWARD_TYPES[goal.reward.type],
            reward_id=goal.reward.id,
            quantity=goal.reward.quantity,
            required_attribute=goal.reward.requires_attribute,
        ),
        prerequisite_goal_ids=goal.requires,
        target=goal.target,
        points=goal.points,
        tags=goal.tags,
        schedule_id="" if goal.schedule == LIFETIME else goal.schedule.text,
        suspended=goal.suspended,
        claim_mode=CLAIM_MODES[goal.claim_mode],
        hidden=goal.hidden,
        meta=dict(goal.meta),
        credit=CREDITS[goal.credit],
        active=status.active,
        locked=status.locked,
        state=GOAL_STATES[status.state],
        progress=status.progress,
        assign_time=time_message(status.assign_time),
        complete_time=time_message(status.complete_time),
        claim_time=time_message(status.claim_time),
        occurrence=status.occurrence,
        claimable_occurrence=status.claimable,
        tiers=[
            challenge_pb2.Tier(
                tier_id=tier.id,
                target=tier.target,
                rewards=map(reward_message, tier.rewards),
                points=tier.points,
                meta=dict(tier.meta),
            )
            for tier in goal.tiers
        ],
        tier_states=[GOAL_STATES[state] for state in tier_states(goal, view, status)] if goal.tiers else [],
        claimed_rewards=[number for number in range(1, 11) if claimed >> (number - 1) & 1],
        withheld_rewards=[number for number in range(1, 11) if withheld >> (number - 1) & 1],
        further_rewards=map(reward_message, goal.further_rewards),
    )


def is_listed(goal: Goal, status: GoalStatus) -> bool:
    """Return False if the goal is hidden and not completed, not even once."""
    return not goal.hidden or status.state in (GoalState.COMPLETED, GoalState.CLAIMED) or status.occurrence > 1


def challenge_message(
    challenge: Challenge, view: PlayerView, catalogue: Catalogue, active_only: bool
) -> challenge_pb2.Challenge:
    """Build a challenge with all its goals, or the active ones, as a message."""
    statuses = [(goal, goal_status(goal, view, catalogue)) for goal in challenge.goals]
    return challenge_pb2.Challenge(
        challenge_id=challenge.id,
        name=challenge.name,
        description=challenge.description,
        goals=[
            goal_message(goal, view, status)
            for goal, status in statuses
            if (status.active or not active_only) and is_listed(goal, status)
        ],
    )


def light_message(challenge: challenge_pb2.Challenge) -> challenge_pb2.Challenge:
    """Return the challenge without definitions: only the ids and the player's fields."""
    return challenge_pb2.Challenge(challenge_id=challenge.challenge_id, goals=map(light_goal, challenge.goals))


def light_goal(goal: challenge_pb2.Goal) -> challenge_pb2.Goal:
    """Return the goal without its definition: only the id and the player's fields."""
    light = challenge_pb2.Goal()
    light.CopyFrom(goal)
    message: Message = light
    for field in GOAL.fields:
        if 1 < field.number < 16 or field.number >= 40:
            message.ClearField(field.name)
    return light


@given(players, st.booleans(), st.booleans())
def test_a_spliced_list_equals_the_built_one(
    player: tuple[Catalogue, PlayerView], active_only: bool, light: bool
) -> None:
    catalogue, view = player
    encoded = EncodedCatalogue(catalogue).without(frozenset())
    built = [challenge_message(challenge, view, catalogue, active_only) for challenge in catalogue.challenges]
    if light:
        built = [light_message(message) for message in built]
    spliced = list(encoded.challenges(catalogue.challenges, view, active_only, light=light))
    parsed = [(challenge.id, challenge_pb2.Challenge.FromString(joined(message))) for challenge, message in spliced]
    assert parsed == [(message.challenge_id, message) for message in built if message.goals]
    assert all(message.length == len(joined(message)) for _, message in spliced)


@given(
    players,
    st.booleans(),
    st.lists(st.tuples(instants, instants), min_size=1),
    st.sampled_from(("all", "none", "some")),
)
def test_challenges_whose_goals_are_all_completed_equal_the_built_ones(
    player: tuple[Catalogue, PlayerView], active_only: bool, times: list[tuple[Instant, Instant]], claimed: str
) -> None:
    catalogue, view = player
    stored = {
        goal_id: Completion(
            complete_time, claim_time if claimed == "all" or (claimed == "some" and number % 2) else None
        )
        for number, (goal_id, (complete_time, claim_time)) in enumerate(
            zip(catalogue.goals, cycle(times), strict=False)
        )
    }
    for completions in (stored, CompletionColumns.of(stored)):
        completed = view._replace(completions=completions, occurrences={})
        encoded = EncodedCatalogue(catalogue).without(frozenset())
        spliced = encoded.challenges(catalogue.challenges, completed, active_only)
        for challenge, message in spliced:
            built = challenge_message(challenge, completed, catalogue, active_only)
            assert challenge_pb2.Challenge.FromString(joined(message)) == built
            assert message.length == len(joined(message))


@given(players)
def test_a_spliced_goal_equals_the_built_one(player: tuple[Catalogue, PlayerView]) -> None:
    catalogue, view = player
    encoded = EncodedCatalogue(catalogue)
    built = {goal.id: goal_message(goal, view, goal_status(goal, view, catalogue)) for goal in catalogue.goals.values()}
    for goal in catalogue.goals.values():
        response = SetGoalActiveResponse.FromString(encoded.set_goal(goal, view))
        assert response.goal == built[goal.id]
        assert {period.schedule_id: (period.start_time, period.end_time) for period in response.periods} == {
            text: (time_message(period.start), time_message(period.end)) for text, period in view.periods.items()
        }
    initialized = InitializePlayerResponse.FromString(joined(encoded.without(frozenset()).initialized_goals(view)))
    assert list(initialized.goals) == [
        built[goal.id]
        for goal in catalogue.goals.values()
        if built[goal.id].active and is_listed(goal, goal_status(goal, view, catalogue))
    ]
    light = InitializePlayerResponse.FromString(
        joined(encoded.without(frozenset()).initialized_goals(view, light=True))
    )
    assert list(light.goals) == [light_goal(message) for message in initialized.goals]


@given(players, st.data())
def test_splicing_for_one_player_does_not_affect_another(
    player: tuple[Catalogue, PlayerView], data: st.DataObject
) -> None:
    catalogue, view = player
    encoded = EncodedCatalogue(catalogue).without(frozenset())

    def spliced(view: PlayerView) -> list[tuple[Challenge, bytes]]:
        messages = encoded.challenges(catalogue.challenges, view, active_only=False)
        return [(challenge, joined(message)) for challenge, message in messages]

    before = spliced(view)
    spliced(data.draw(views(catalogue)))
    assert spliced(view) == before


@given(players)
def test_untouched_goals_are_as_for_an_untouched_player(player: tuple[Catalogue, PlayerView]) -> None:
    catalogue, view = player
    looked_at = ShownGoals(catalogue, frozenset()).touched(view).positions
    assert list(looked_at) == sorted(set(looked_at))
    untouched = PlayerView({}, {}, {}, periods=view.periods)
    for position, goal in enumerate(catalogue.goals.values()):
        if position not in looked_at:
            assert goal_status(goal, view, catalogue) == goal_status(goal, untouched, catalogue)


@given(st.integers(0, 2**63 - 1) | st.integers(0, 300))
def test_numbers_are_encoded_like_protobuf(value: int) -> None:
    assert number_field(number_tag(GOAL, "progress"), value) == challenge_pb2.Goal(progress=value).SerializeToString()


@settings(max_examples=200)
@given(instants)
def test_instants_are_encoded_like_protobuf(instant: Instant) -> None:
    encoded = timestamp_field(timestamp_tag(GOAL, "claim_time"), instant)
    assert challenge_pb2.Goal.FromString(encoded) == challenge_pb2.Goal(claim_time=time_message(instant))
    assert len(encoded) == len(timestamp_field(timestamp_tag(GOAL, "claim_time"), 0))


@given(st.lists(st.none() | instants, max_size=300))
def test_many_instants_are_encoded_like_each_alone(many: list[Instant | None]) -> None:
    alone = [None if instant is None else timestamp_field(b"", instant) for instant in many]
    assert list(timestamp_rests(many)) == alone


@given(st.lists(texts))
def test_messages_in_pieces_are_encoded_like_protobuf(ids: list[str]) -> None:
    goals = [challenge_pb2.Goal(goal_id=goal_id) for goal_id in ids]
    encoded = [goal.SerializeToString() for goal in goals]
    pieces = [Pieces(len(goal), [memoryview(goal)[:1], goal[1:]]) for goal in encoded]
    built = challenge_pb2.Challenge(goals=goals).SerializeToString()
    assert b"".join(nested_pieces(GOALS, pieces)) == built


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_383, 16_384, 100_000, 3_000_000])
def test_lengths_are_encoded_like_protobuf(length: int) -> None:
    goal = challenge_pb2.Goal(name="x" * length)
    built = challenge_pb2.Challenge(goals=[goal]).SerializeToString()
    encoded = goal.SerializeToString()
    assert b"".join(nested_pieces(GOALS, [Pieces(len(encoded), [encoded])])) == built
