"""The operations against the naive model, while completions are packed at any moment: nothing may tell."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.postgres.database import Database
from tests.operations.stories import (
    FIRST,
    PLAYERS,
    Reload,
    Story,
    stories,
    stories_in_seasons,
    stories_in_zones,
    stories_of_countings,
)
from tests.operations.system import System
from tests.operations.test_against_naive_model import compare, compare_players
from tests.support.laws import examples
from tests.support.naive_model import NaiveModel
from tests.support.packing import pack_all, settle_all


def play_packed(database: Database, story: Story, chance: random.Random) -> int:
    """Do all steps in both, pack between some of them, and return the number of completions that were packed."""
    system, model = System(database, story.catalogue), NaiveModel(story.catalogue, FIRST)
    packed = 0
    for step in story.steps:
        if chance.random() < 0.6:
            settle_all(database, system.prefix)
            packed += pack_all(database, system.catalogue, [system.prefix + player for player in PLAYERS], system.now)
            if not isinstance(step, Reload):
                compare_players(system, model)
        compare(system, model, step)
    assert len(set(system.named)) == len(system.named)
    assert system.claims().keys() == model.claimed
    return packed


@examples(40, slow=300)
def test_packed_completions_match_the_naive_model(one_connection: Database, examples: int) -> None:
    packed = 0
    every = st.one_of(
        stories(), stories(over_goals=True), stories_in_zones(), stories_in_seasons(), stories_of_countings()
    )

    @settings(max_examples=examples)
    @given(every, st.randoms(use_true_random=False))
    def law(story: Story, chance: random.Random) -> None:
        nonlocal packed
        packed += play_packed(one_connection, story, chance)

    law()
    assert packed > 0
