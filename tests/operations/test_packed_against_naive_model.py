"""The operations against the naive model, while completions are packed at any moment: nothing may tell."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.events import Event
from shared.domain.goal import Source
from shared.domain.instant import DAY
from shared.postgres.database import Database
from tests.operations.stories import (
    FIRST,
    PLAYERS,
    Reload,
    Report,
    Story,
    Take,
    stories,
    stories_in_seasons,
    stories_in_zones,
    stories_of_countings,
)
from tests.operations.system import System
from tests.operations.test_against_naive_model import compare, compare_players
from tests.support.goals import goal
from tests.support.laws import examples
from tests.support.naive_model import NaiveModel
from tests.support.packing import pack_all, settle_all


def more_events(system: System, chance: random.Random, number: int) -> list[Event]:
    """Return an event of each player and stat: stories that complete nothing have nothing to pack."""
    stats = sorted(stat for stat in system.catalogue.wanted if stat.source in (Source.LOGIN, Source.STAT))
    return [
        Event(
            f"more {number} {place}",
            player,
            FIRST + chance.randrange(10) * DAY,
            stat,
            delta=chance.randrange(1, 9) if stat.source is Source.STAT else None,
            value=chance.randrange(9) if stat.source is Source.STAT else None,
        )
        for player in PLAYERS
        for place, stat in enumerate(stats)
    ]


ALWAYS = goal("always packed", target=1)


def with_enough(story: Story) -> Story:
    """Return the story with a goal that every player completes and can claim: most stories have none to pack."""

    def grown(catalogue: Catalogue) -> Catalogue:
        first, *others = catalogue.challenges
        return replace(catalogue, challenges=(replace(first, goals=(*first.goals, ALWAYS)), *others))

    steps = [Reload(grown(step.catalogue)) if isinstance(step, Reload) else step for step in story.steps]
    return Story(grown(story.catalogue), steps)


def play_packed(database: Database, story: Story, chance: random.Random) -> int:
    """Do all steps in both, pack between some of them, and return the number of completions that were packed."""
    story = with_enough(story)
    system, model = System(database, story.catalogue), NaiveModel(story.catalogue, FIRST)
    packed = 0
    # After the last step, too: half of the stories have hardly any.
    for number, step in enumerate([*story.steps, None]):
        compare(system, model, Report(more_events(system, chance, number)))
        if step is None or chance.random() < 0.6:
            for player, goal_id, _ in sorted(model.completed - model.claimed):
                if (taken := system.catalogue.goals.get(goal_id)) is not None:
                    compare(system, model, Take(player, taken))
            settle_all(database, system.prefix)
            # The clocks of stories go back: what is over at their beginning stays so.
            packed += pack_all(database, system.catalogue, [system.prefix + player for player in PLAYERS], FIRST)
            if not isinstance(step, Reload):
                compare_players(system, model)
        if step is not None:
            compare(system, model, step)
    assert len(set(system.named)) == len(system.named)
    assert system.claims().keys() == model.claimed
    return packed


@examples(20, slow=300)
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
