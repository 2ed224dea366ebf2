"""Completions that were packed are carried forward as the others are."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.operations.rewards import grant_admin
from shared.postgres.database import Database
from tests.operations.goals.test_completion_retention import clear, seen
from tests.operations.statistics.test_challenge_counts import do
from tests.operations.stories import PLAYERS, Story, stories
from tests.operations.system import System
from tests.support.completion_retention import LATER, retention
from tests.support.databases import soon
from tests.support.packing import pack_all, settle_all


@settings(max_examples=12)
@given(stories(), st.randoms(use_true_random=False))
def test_everything_adds_up_as_before_whatever_is_packed(
    two_connections: Database, story: Story, chance: random.Random
) -> None:
    clear(two_connections)
    two_connections.autocommit(lambda connection: connection.run_script(b"TRUNCATE settled_completion"), soon())
    system = System(two_connections, story.catalogue)
    for step in story.steps:
        do(system, step)
    settle_all(two_connections, system.prefix)
    players = [system.prefix + player for player in PLAYERS]
    before = seen(two_connections, story.catalogue, players, LATER)
    pack_all(two_connections, story.catalogue, [each for each in players if chance.random() < 0.7], LATER)
    assert seen(two_connections, story.catalogue, players, LATER) == before
    retention(two_connections).one_pass(story.catalogue, LATER)
    assert seen(two_connections, story.catalogue, players, LATER) == before
    assert retention(two_connections).one_pass(story.catalogue, LATER) == 0
    pack_all(two_connections, story.catalogue, players, LATER)
    assert seen(two_connections, story.catalogue, players, LATER) == before
    assert grant_admin.report(two_connections, soon()).agrees
